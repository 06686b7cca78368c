"""The secrets of a developer's machine."""

import stat
from pathlib import Path

from deploy.local.development_secrets import NAMES, PREFIX, development_secrets


def test_secrets_survive_a_restart(tmp_path: Path) -> None:
    """What was made once is what the next start finds, readable by its owner alone."""
    made = development_secrets(tmp_path)

    assert made == development_secrets(tmp_path)
    assert 0o600 == stat.S_IMODE((tmp_path / "secrets").stat().st_mode)
    assert all(made[name].startswith(PREFIX) for name in NAMES)


def test_a_missing_secret_is_added(tmp_path: Path) -> None:
    """A secret that an older version did not know is made; the others stay."""
    made = development_secrets(tmp_path)
    lines = (tmp_path / "secrets").read_text().splitlines(keepends=True)
    (tmp_path / "secrets").write_text("".join(line for line in lines if NAMES[0] not in line))

    again = development_secrets(tmp_path)

    assert {**made, NAMES[0]: again[NAMES[0]]} == again
    assert made[NAMES[0]] != again[NAMES[0]]
