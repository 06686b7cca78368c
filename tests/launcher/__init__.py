"""The embedded stack and its launcher."""
