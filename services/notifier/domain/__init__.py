"""The rules of notifications, without any machinery."""
