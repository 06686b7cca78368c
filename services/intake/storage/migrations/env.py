"""intake's migrations run as the kit runs all."""

from services.intake.storage.tables import metadata
from shared.kit.migrations import run_env

run_env(metadata)
