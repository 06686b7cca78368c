"""Outside APIs that leads calls."""
