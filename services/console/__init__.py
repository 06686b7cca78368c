"""console: where people sign in and see how everything is."""
