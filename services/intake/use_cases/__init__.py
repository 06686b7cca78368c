"""What intake does, one file per command."""
