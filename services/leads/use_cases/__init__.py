"""One file per command. Each runs inside the caller's transaction and never commits."""
