"""The worker alone: consumers, relay and sweeps."""

from services.leads.wiring import wire
from shared.kit.process import run


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    run(wire, api=False)


if __name__ == "__main__":
    main()
