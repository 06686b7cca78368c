"""Pure rules: who may take a lead, who is the best, and what a lead's events do to the places that it holds."""
