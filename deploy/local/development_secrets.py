"""The secrets of a developer's machine: made once, kept beside the data, refused everywhere else."""

import secrets
from pathlib import Path
from typing import Final

from deploy.local.assignments import read_assignments, write_assignments

# Services refuse a secret that starts like this unless LEADLINE_DEVELOPMENT is set.
PREFIX: Final = "development-"
PUBLIC_KEY: Final = "LEADLINE_PERSON_TOKEN_PUBLIC_KEY"
PRIVATE_KEY: Final = "CONSOLE_PERSON_TOKEN_PRIVATE_KEY"
NAMES: Final = (
    "LEADLINE_SERVICE_TOKEN",
    "LEADLINE_PRIVACY_KEY",
    "LEADLINE_OPERATIONS_KEY",
    "INTAKE_WHATSAPP_APP_SECRET",
    "INTAKE_WHATSAPP_VERIFY_TOKEN",
    "INTAKE_MESSENGER_APP_SECRET",
    "INTAKE_MESSENGER_VERIFY_TOKEN",
    "INTAKE_ENCRYPTION_KEY",
    "CONSOLE_ADMIN_PASSWORD",
)


def development_secrets(data: Path) -> dict[str, str]:
    """Return the secrets of this data folder, making the missing ones; they survive every restart.

    Keys in PEM have their line ends written as `\\n`, so that a shell can source the file.
    """
    path = data / "secrets"
    kept = read_assignments(path)
    made = {name: PREFIX + secrets.token_urlsafe(24) for name in NAMES if name not in kept}
    if PUBLIC_KEY not in kept or PRIVATE_KEY not in kept:
        made |= _key_pair()
    if made:
        write_assignments(path, kept | made)
    return kept | made


def _key_pair() -> dict[str, str]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        # Marked, so that the console refuses it anywhere else.
        PRIVATE_KEY: f"development-key\\n{private.decode().strip()}".replace("\n", "\\n"),
        PUBLIC_KEY: public.decode().strip().replace("\n", "\\n"),
    }
