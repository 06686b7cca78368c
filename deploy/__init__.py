"""How Leadline runs: the embedded stack, the preparation of a server, the command line."""
