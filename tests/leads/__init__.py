"""leads: its rules as properties, its storage by racing, its commands on a real database."""
