"""The worker alone: consumers, relays and sweeps."""

from services.intake.wiring import wire
from shared.kit.process import run


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    run(wire, api=False)


if __name__ == "__main__":
    main()
