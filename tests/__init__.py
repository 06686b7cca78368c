"""Leadline's tests: on the real servers, through public doors where that is possible."""
