"""notifier: tells the owner of a lead, by mail."""
