"""What notifier refuses to start with."""

import pytest
from pydantic import ValidationError

from services.notifier.settings import NotifierSettings

_NEEDED = {"NOTIFIER_SMTP_HOST": "mail.shop.example", "NOTIFIER_MAIL_FROM": "Leadline <leadline@shop.example>"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which only the console's address is missing."""
    for name in ("LEADLINE_DEVELOPMENT", "LEADLINE_CONSOLE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in _NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("value", ["", "leads.shop.example", "ftp://leads.shop.example", "https://", "http://["])
def test_mails_need_an_address_to_link_to(environment: pytest.MonkeyPatch, value: str) -> None:
    """Outside development the console's address must be set, and the message names the setting."""
    environment.setenv("LEADLINE_CONSOLE_URL", value)
    with pytest.raises(ValidationError, match="set LEADLINE_CONSOLE_URL to the address"):
        NotifierSettings()


def test_development_links_to_this_machine(environment: pytest.MonkeyPatch) -> None:
    """In development mails link to this machine unless something else is set."""
    environment.setenv("LEADLINE_DEVELOPMENT", "true")
    assert "http://127.0.0.1:8000" == NotifierSettings().console_url
    environment.setenv("LEADLINE_CONSOLE_URL", "https://leads.shop.example")
    assert "https://leads.shop.example" == NotifierSettings().console_url
