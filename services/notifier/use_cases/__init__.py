"""What notifier does, one file per command."""
