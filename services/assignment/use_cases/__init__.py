"""What the service does, one command per file."""
