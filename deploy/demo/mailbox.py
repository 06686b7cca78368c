"""What the embedded mail catcher got."""

from collections import Counter
from email.parser import BytesHeaderParser
from pathlib import Path

_PARSER = BytesHeaderParser()


def count_mails(folder: Path, since: float) -> Counter[str]:
    """How often each notification arrived since an instant in unix seconds, by its id in the Message-ID."""
    counts: Counter[str] = Counter()
    for path in (folder / "new").glob("*"):
        if path.stat().st_mtime < since:
            continue
        with path.open("rb") as mail:
            message_id = str(_PARSER.parse(mail)["Message-ID"] or "")
        counts[message_id.strip("<> ").partition("@")[0]] += 1
    return counts
