"""The migrations against the models."""
