"""Who owns a lead: the team, its workload, and explained decisions."""
