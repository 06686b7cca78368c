"""The fixtures: deliveries as platforms send them, each with people of ours, under the name of its file."""

from pathlib import Path

from shared.contracts.words import Channel

FOLDER = Path(__file__).parent / "fixtures"
WEBHOOKS = {"whatsapp": Channel.WHATSAPP, "messenger": Channel.MESSENGER, "instagram": Channel.MESSENGER}
"""Which webhook takes the deliveries of a folder: Instagram's come to that of Messenger."""


def fixtures() -> dict[str, bytes]:
    """Every fixture's bytes, by its path without the ending."""
    files = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): path.read_bytes() for path in files}


def webhook_of(name: str) -> Channel:
    """The webhook that takes a fixture."""
    return WEBHOOKS[name.partition("/")[0]]
