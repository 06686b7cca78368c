"""The processes of notifier."""
