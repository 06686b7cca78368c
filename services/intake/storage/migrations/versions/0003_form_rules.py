"""What a form asks for, and what guards it: fields, spam guards, consent, limits, capture, and who else delivers."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COLUMNS = """
    fields jsonb NOT NULL DEFAULT '[]'
    honeypot_field text
    minimum_seconds integer
    turnstile_secret text
    consent_field text
    consent_text text
    consent_version text
    rate_limit integer
    rate_limit_per_address integer
    capture_before_submit boolean NOT NULL DEFAULT false
    provider text CONSTRAINT ck_web_forms_provider CHECK (provider IN ('typeform', 'tally', 'webflow', 'generic'))
    provider_secret text
    provider_header text
"""
_PROVEN = "CHECK (provider IS NULL OR provider_secret IS NOT NULL)"


def upgrade() -> None:
    for column in _COLUMNS.strip().splitlines():
        op.execute(f"ALTER TABLE web_forms ADD COLUMN {column}")
    op.execute(f"ALTER TABLE web_forms ADD CONSTRAINT ck_web_forms_provider_has_secret {_PROVEN}")


def downgrade() -> None:
    op.execute("ALTER TABLE web_forms DROP CONSTRAINT ck_web_forms_provider_has_secret")
    for column in reversed(_COLUMNS.strip().splitlines()):
        op.execute(f"ALTER TABLE web_forms DROP COLUMN {column.split()[0]}")
