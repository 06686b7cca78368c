"""People and their leads: who wrote, which lead it belongs to, its number, status and history."""
