"""What intake asks of others while a form is posted: Redis for limits, a verifier for challenges."""
