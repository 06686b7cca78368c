"""Assignment: the rules, the races for the last place, and the doors."""
