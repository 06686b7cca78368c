"""The processes of assignment."""
