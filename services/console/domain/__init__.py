"""The rules of accounts, sessions and what the pages show."""
