"""What is said when everything is ready: where to look and what to log in with."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.environment import Service, catches_mail
from deploy.local.places import ROOT
from deploy.local.servers import KAFKA, POSTGRES, VALKEY


def welcome(
    services: Sequence[Service], environment: Mapping[str, str], data: Path, seconds: float, given: Mapping[str, str]
) -> str:
    """Compose the block that `make run` ends its start with."""
    urls = {service.name: service.url for service in services}
    here = data.relative_to(ROOT) if data.is_relative_to(ROOT) else data
    rows = [
        ("Console", urls.get("console", "")),
        ("  sign in", f"{environment['CONSOLE_ADMIN_EMAIL']}  {environment['CONSOLE_ADMIN_PASSWORD']}"),
        ("Webhooks", f"{urls['intake']}/webhooks/whatsapp  /webhooks/messenger" if "intake" in urls else ""),
        ("Forms", f"{urls['intake']}/forms/{{form_key}}  demo: /demo/booking" if "intake" in urls else ""),
        *((f"{name.capitalize()} API", f"{url}/rest") for name, url in urls.items() if name != "console"),
        ("Mail", f"caught in {here / 'mail'}" if catches_mail() else "sent by your own server"),
        ("Servers", _servers(environment, given)),
        ("Secrets", f"for development only, kept in {here / 'secrets'}:"),
        *((f"  {name}", environment[name]) for name in _SHOWN),
        ("Logs", str(here / "logs")),
    ]
    lines = [f"  {name:<34}{text}" for name, text in rows if text]
    return "\n".join(["", f"  Leadline is ready after {seconds:.1f} s. Ctrl-C stops it.", "", *lines, "", ""])


_SHOWN = (
    "LEADLINE_SERVICE_TOKEN",
    "INTAKE_WHATSAPP_APP_SECRET",
    "INTAKE_WHATSAPP_VERIFY_TOKEN",
    "INTAKE_MESSENGER_APP_SECRET",
    "INTAKE_MESSENGER_VERIFY_TOKEN",
)


def _servers(environment: Mapping[str, str], given: Mapping[str, str]) -> str:
    # Passwords of servers that are somebody else's are not ours to print.
    named = {
        POSTGRES: "PostgreSQL",
        VALKEY: "Valkey",
        KAFKA: "Kafka",
    }
    places = [
        f"{name} {'yours' if setting in given else environment[setting].rsplit('@', 1)[-1]}"
        for setting, name in named.items()
    ]
    return ", ".join(places)
