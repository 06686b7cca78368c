"""The weights by which candidates are compared."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """One version of the rules; a decision records the version that it was made by.

    The weight of the preferred owner exceeds the sum of the others, so that somebody who comes back meets the
    same salesperson whenever that one may take the lead. `prior_leads` is how many leads with the team's
    average result everybody is credited with, so that a newcomer counts as average instead of as a failure;
    `prior_rate` stands in for the team's average while the team itself has closed nothing.
    """

    version: int = 1
    workload_weight: float = 0.6
    conversion_weight: float = 0.3
    preferred_owner_weight: float = 1.0
    prior_leads: int = 20
    prior_rate: float = 0.2


STANDARD = Policy()
