"""The API alone."""

from functools import partial

from services.leads.wiring import wire
from shared.kit.process import run


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    run(partial(wire, has_worker=False), worker=False)


if __name__ == "__main__":
    main()
