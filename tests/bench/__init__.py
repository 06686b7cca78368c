"""How fast Leadline is, beside what people use today: `make bench`. Figures are ratios within one run."""
