"""API and worker in one process."""

from services.leads.wiring import wire
from shared.kit.process import run


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    run(wire)


if __name__ == "__main__":
    main()
