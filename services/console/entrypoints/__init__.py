"""The processes of console."""
