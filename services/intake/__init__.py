"""The public edge: what arrived, and what became of it."""
