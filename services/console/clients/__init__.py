"""Who console talks to: the other services, Redis, and the folder of caught mail."""
