"""The console; it has no worker, so that this is its API."""

from services.console.wiring import wire
from shared.kit.process import run


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    run(wire)


if __name__ == "__main__":
    main()
