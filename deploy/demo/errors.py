"""What ends the demo early."""


class DemoFailed(Exception):
    """The demo cannot go on; the message is a sentence for whoever started it."""
