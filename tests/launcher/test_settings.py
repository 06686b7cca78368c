"""Which servers the launcher takes for somebody else's."""

from deploy.local.servers import EMBEDDED, KAFKA, POSTGRES, VALKEY
from deploy.local.settings import LocalSettings

ADDRESSES = {POSTGRES: "postgresql://db", VALKEY: "redis://cache", KAFKA: "kafka:9092"}


def test_servers_of_ones_own_are_used() -> None:
    """With their addresses in the environment nothing is started in their place."""
    assert ADDRESSES == LocalSettings.read(ADDRESSES).given


def test_a_sourced_file_of_settings_gives_no_servers() -> None:
    """In a shell that has sourced a running system's settings, the next start starts its servers itself."""
    assert {} == LocalSettings.read({**ADDRESSES, EMBEDDED: "true"}).given
