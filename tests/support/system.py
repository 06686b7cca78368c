"""The whole system as `make run` starts it, on data and ports of the test's own, used through its public doors."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final, Self

import httpx2

from deploy.local.assignments import read_assignments
from deploy.local.environment import SERVICE_PORTS
from deploy.local.ports import Ports, free_port
from tests.support.senders import signed

START_WITHIN: Final = 90.0


class System:
    """A launcher in a process of its own, with its servers and services.

    `kill()` is SIGKILL to the launcher, with which everything else dies; `start()` runs it again on the same data.
    Its output is in `<data>/launcher.log`.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        ports = Ports.free()
        taken = {ports.postgres, ports.valkey, ports.kafka, ports.kafka + 1}
        self.ports = {}
        for name in (*SERVICE_PORTS, "smtp", "graph"):
            self.ports[name] = free_port(excluding=taken)
            taken.add(self.ports[name])
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "LEADLINE_DATA": str(data),
            "LEADLINE_TIME_ZONE": "Europe/Berlin",
            "LEADLINE_POSTGRES_PORT": str(ports.postgres),
            "LEADLINE_VALKEY_PORT": str(ports.valkey),
            "LEADLINE_KAFKA_PORT": str(ports.kafka),
            "LEADLINE_SMTP_PORT": str(self.ports["smtp"]),
            "LEADLINE_GRAPH_PORT": str(self.ports["graph"]),
            **{f"{name.upper()}_PORT": str(self.ports[name]) for name in SERVICE_PORTS},
        }
        self._process: subprocess.Popen[bytes] | None = None
        # What the services were given, secrets included; the same after a restart.
        self.settings: dict[str, str] = {}
        self.client = httpx2.AsyncClient(timeout=30)

    async def start(self) -> Self:
        """Start and return when every service is ready; raises with the end of the log when that never happens."""
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "launcher.log").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: ASYNC220 (it outlives no test, and starts at once)
                [sys.executable, "-m", "deploy.local", "--with-parent", str(os.getpid())],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_WITHIN
        while not self.state().get("ready"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                await self.kill()
                raise RuntimeError("the system did not start:\n" + self.log()[-4000:])
            await asyncio.sleep(0.05)
        self.settings = read_assignments(self.data / "environment")
        return self

    def state(self) -> dict[str, Any]:
        """What runs under this launcher at the moment; empty before it has started anything."""
        try:
            state: dict[str, Any] = json.loads((self.data / "state.json").read_text())
        except FileNotFoundError:
            return {}
        own = self._process is not None and state["launcher"] == self._process.pid
        return state if own else {}

    def log(self) -> str:
        """Everything that the launcher and the services have said."""
        return (self.data / "launcher.log").read_text(errors="replace")

    async def kill(self) -> None:
        """SIGKILL, and nothing more: everything must be gone by itself before the next start."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def stop(self) -> None:
        """Stop in good order, as Ctrl-C does."""
        await self.client.aclose()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            await asyncio.to_thread(self._process.wait, 60)

    async def kill_service(self, name: str) -> None:
        """SIGKILL to one service, which the supervisor starts again."""
        os.kill(self.state()["services"][name], signal.SIGKILL)

    def url(self, service: str) -> str:
        """Where a service listens."""
        return f"http://127.0.0.1:{self.ports[service]}"

    async def ask(self, service: str, method: str, path: str, **how: Any) -> httpx2.Response:
        """A request to a service's REST with the service token."""
        headers = {"Authorization": f"Bearer {self.settings['LEADLINE_SERVICE_TOKEN']}", **how.pop("headers", {})}
        return await self.client.request(method, self.url(service) + path, headers=headers, **how)

    async def get(self, service: str, path: str, **query: Any) -> Any:
        """The JSON answer of a GET that must succeed."""
        answer = await self.ask(service, "GET", path, params=query)
        assert 200 == answer.status_code, answer.text
        return answer.json()

    async def deliver(self, channel: str, body: bytes) -> httpx2.Response:
        """A delivery of a platform with the right signature, to `whatsapp` or `messenger`."""
        secret = self.settings[f"INTAKE_{channel.upper()}_APP_SECRET"]
        return await self.client.post(
            f"{self.url('intake')}/webhooks/{channel}", content=body, headers=signed(body, secret)
        )

    async def leadline(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run `./leadline` beside the running system; its exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deploy.cli",
            *arguments,
            env={"PATH": os.environ["PATH"], "LEADLINE_DATA": str(self.data), **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()

    async def summary(self) -> dict[str, int]:
        """The terms of the conservation equation."""
        summary: dict[str, int] = await self.get("intake", "/rest/receipts/summary")
        return summary

    async def settled(self) -> bool:
        """Whether nothing is in flight any more; the equation must hold at any time."""
        summary = await self.summary()
        received = summary.pop("received")
        assert received == sum(summary.values())
        return summary["in_flight"] == 0

    async def leads_of(self, phone: str) -> list[dict[str, Any]]:
        """The leads that a phone number finds, the oldest first."""
        page = await self.get("leads", "/rest/leads", phone=phone, sort="created_at")
        leads: list[dict[str, Any]] = page["items"]
        return leads

    async def all_leads(self) -> list[dict[str, Any]]:
        """Every lead there is."""
        leads: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await self.get(
                "leads", "/rest/leads", sort="created_at", limit=200, **({"cursor": cursor} if cursor else {})
            )
            leads += page["items"]
            cursor = page["next_cursor"]
        return leads
