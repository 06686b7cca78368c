"""The processes of leads."""
