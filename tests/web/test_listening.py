"""The socket that the pages are served on."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from noctis_lab.config import open_settings
from noctis_lab.web.app import listening


def test_small_answers_do_not_wait_for_acknowledgements(tmp_path: Path) -> None:
    settings = open_settings({"root": tmp_path, "host": "127.0.0.1", "port": 0})
    delays: list[int] = []

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        delays.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async def connect() -> None:
        with listening(settings) as listener:
            async with await asyncio.start_server(answer, sock=listener):
                reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
                await reader.read()
                writer.close()

    asyncio.run(connect())
    assert delays == [1]
