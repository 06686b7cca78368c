"""An SMTP server that delivers to nobody: every mail becomes a file of a Maildir, for all to read."""

import asyncio
import os
from pathlib import Path
from typing import Final

from deploy.local.ports import LOOPBACK
from deploy.local.stop_signals import stop_event

LARGEST: Final = 32 * 1024 * 1024


def main() -> None:
    """Catch mail until a signal; reads LEADLINE_SMTP_PORT and CONSOLE_MAIL_FOLDER."""
    asyncio.run(_catch(int(os.environ["LEADLINE_SMTP_PORT"]), Path(os.environ["CONSOLE_MAIL_FOLDER"])))


async def _catch(port: int, folder: Path) -> None:
    from aiosmtpd.handlers import Mailbox
    from aiosmtpd.smtp import SMTP

    handler = Mailbox(folder)
    stop = stop_event()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="localhost", data_size_limit=LARGEST, enable_SMTPUTF8=True),
        LOOPBACK,
        port,
    )
    await stop.wait()
    server.close()
