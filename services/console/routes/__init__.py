"""console's pages."""
