"""The screen in a browser, from the command line to what is drawn."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.e2e.conftest import PATIENCE, World

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")


@pytest.mark.slow
async def test_a_browser_with_the_token_sees_the_screen_and_nobody_else(world: World) -> None:
    world.do("devices")  # starts the engine
    world.environ.update(XDG_STATE_HOME=str(world.place), XDG_CONFIG_HOME=str(world.place))
    port = _free_port()
    serving = world.start("mirrortui.cli.main", "--serve", "--port", str(port))
    try:
        address = await asyncio.to_thread(_told, serving.stderr)
        assert address.startswith(f"http://127.0.0.1:{port}/")
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as browser:
            async with browser.get(f"http://127.0.0.1:{port}/") as refused:
                assert refused.status == 403
            async with browser.ws_connect(f"{address}ws?width=80&height=24") as screen:
                seen = b""
                while b"No mirror yet" not in seen:
                    seen += (await screen.receive()).data
            while len(_screens(world)) > 1:  # whoever closes the page has left
                await asyncio.sleep(0.05)
    finally:
        serving.send_signal(signal.SIGINT)
        _, last = await asyncio.to_thread(serving.communicate, timeout=PATIENCE)
    assert serving.returncode == 0, last


@pytest.mark.slow
def test_a_port_that_is_taken_is_said(world: World) -> None:
    world.do("devices")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = world.try_to("--serve", "--port", str(taken.getsockname()[1]))
    assert outcome.code == 2
    assert "Choose another with --port" in outcome.err


def _told(lines: object) -> str:
    """The address that is printed."""
    for line in lines:  # type: ignore[attr-defined]
        words = line.decode().split()
        if "open" in words:
            return str(words[words.index("open") + 1])
    raise AssertionError("no address was printed")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _screens(world: World) -> list[int]:
    """Processes that show, or serve, the screen."""
    found = []
    for pid in world.processes():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"mirrortui.cli.main" in command and pid != os.getpid():
            found.append(pid)
    return found
