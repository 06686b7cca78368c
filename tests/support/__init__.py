"""What the tests stand on: the servers, databases of their own, waiting with a deadline."""
