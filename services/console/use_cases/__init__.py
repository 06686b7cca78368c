"""What console does, one file per command."""
