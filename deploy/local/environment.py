"""The settings that the launcher gives to every service, and the addresses that follow from them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deploy.local.development_secrets import development_secrets
from deploy.local.errors import LaunchError
from deploy.local.ports import LOOPBACK, require_free
from deploy.local.servers import EMBEDDED
from deploy.local.settings import LocalSettings, read_port

SERVICE_PORTS: Final = {"console": 8000, "intake": 8001, "leads": 8002, "assignment": 8003, "notifier": 8004}
MAIL: Final = "mail"


@dataclass(frozen=True, slots=True)
class Service:
    """One service that the launcher runs, and where it will listen."""

    name: str
    host: str
    port: int

    @property
    def setting(self) -> str:
        """The setting that changes its port."""
        return f"{self.name.upper()}_PORT"

    @property
    def module(self) -> str:
        """The module whose `main` is the service."""
        return f"services.{self.name}.entrypoints.service"

    @property
    def url(self) -> str:
        """Where it can be reached from this machine."""
        try:
            everywhere = ip_address(self.host).is_unspecified
        except ValueError:  # a name
            everywhere = False
        return f"http://{LOOPBACK if everywhere else self.host}:{self.port}"


def services_to_run(environment: Mapping[str, str] = os.environ) -> list[Service]:
    """Return all services, or those that LEADLINE_SERVICES names, as when one runs in a debugger."""
    names = (environment.get("LEADLINE_SERVICES") or " ".join(SERVICE_PORTS)).replace(",", " ").split()
    if unknown := [name for name in names if name not in SERVICE_PORTS]:
        raise LaunchError(f"LEADLINE_SERVICES names {unknown[0]!r}; there are {', '.join(SERVICE_PORTS)}.")
    return [
        Service(
            name,
            environment.get(f"{name.upper()}_HOST") or LOOPBACK,
            read_port(environment, f"{name.upper()}_PORT", SERVICE_PORTS[name]),
        )
        for name in names
    ]


def catches_mail(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether mail goes to our own catcher: it does unless a mail server is set."""
    return not environment.get("NOTIFIER_SMTP_HOST")


def require_free_ports(services: list[Service], settings: LocalSettings) -> None:
    """Raise `PortTaken` for the first service whose port somebody else has."""
    for service in services:
        require_free(service.port, service.name, service.setting)
    if catches_mail():
        require_free(settings.smtp_port, "the mail catcher", "LEADLINE_SMTP_PORT")


def service_environment(settings: LocalSettings, servers: Mapping[str, str]) -> dict[str, str]:
    """Return what the services are told; what is set in our own environment wins."""
    told = {
        **servers,
        **development_secrets(settings.data),
        "LEADLINE_DATA": str(settings.data),
        EMBEDDED: "true",
        "LEADLINE_DEVELOPMENT": "true",
        "LEADLINE_KAFKA_REPLICATION": "1",
        "LEADLINE_INSTANCE": "local",
        "LEADLINE_LOG_FORMAT": "console",
        "LEADLINE_TIME_ZONE": time_zone(),
        # A killed worker's partitions wait this long for its successor.
        "LEADLINE_GROUP_SESSION_TIMEOUT_SECONDS": "6",
        "LEADLINE_SMTP_PORT": str(settings.smtp_port),
        # Where the demo's own Graph API listens while it plays.
        "INTAKE_GRAPH_URL": f"http://{LOOPBACK}:{settings.graph_port}",
        "INTAKE_FILES_URL": (settings.data.absolute() / "files").as_uri(),
        "CONSOLE_ADMIN_EMAIL": "admin@leadline.example",
        "NOTIFIER_MAIL_FROM": "Leadline <leadline@leadline.example>",
    }
    if catches_mail():
        told |= {
            "NOTIFIER_SMTP_HOST": LOOPBACK,
            "NOTIFIER_SMTP_PORT": str(settings.smtp_port),
            "NOTIFIER_SMTP_STARTTLS": "false",
            "CONSOLE_MAIL_FOLDER": str(settings.data / MAIL),
        }
    if os.environ.get("LEADLINE_PUBLIC_URL"):
        # Whom the internet reaches, the real platforms can be connected to.
        del told["INTAKE_GRAPH_URL"]
    for service in services_to_run():
        told[service.setting] = str(service.port)
        if service.name == "intake":
            told["LEADLINE_PUBLIC_URL"] = service.url
        told[f"LEADLINE_{service.name.upper()}_URL"] = service.url
    ours = servers.keys() if settings.given == {} else ()
    return {name: value if name in ours else os.environ.get(name) or value for name, value in told.items()}


def time_zone() -> str:
    """Return this machine's time zone by its name, or UTC where it has none."""
    link = Path("/etc/localtime")
    from_link = str(link.resolve()).partition("/zoneinfo/")[2] if link.is_symlink() else ""
    for name in (os.environ.get("TZ", ""), from_link):
        try:
            return ZoneInfo(name).key
        except (ValueError, OSError, ZoneInfoNotFoundError):
            continue
    return "UTC"
