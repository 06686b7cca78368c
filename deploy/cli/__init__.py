"""The operator's command line, `./leadline`."""
