"""What can be wrong with a command about a lead. The docstring is what a client reads."""


class LeadNotFound(Exception):
    """There is no such lead."""

    def __init__(self) -> None:
        super().__init__("There is no such lead.")


class VersionConflict(Exception):
    """Somebody else changed the lead since it was read; `version` is the present one."""

    def __init__(self, version: int) -> None:
        self.version = version
        super().__init__(f"the lead is at version {version} now: read it again")
