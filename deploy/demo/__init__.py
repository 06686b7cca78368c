"""`make demo`: an hour of a small travel company's traffic, in about a minute, through the public doors.

`scenario.py` writes the hour, `sender.py` plays it, `watcher.py` follows each lead over REST, and `report.py` holds
what the system says against what was sent.
"""
