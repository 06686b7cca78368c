"""The rules of leads: no SQL, no web, no broker, no clock of their own."""
