"""Who notifier talks to: leads and a mail server."""
