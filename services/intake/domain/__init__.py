"""Pure rules of intake: what a delivery consists of, what each item says, and what a receipt may become."""
