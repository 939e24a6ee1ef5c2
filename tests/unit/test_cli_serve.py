"""The screen in a browser: nobody gets anything without the token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")

from aiohttp import WSServerHandshakeError  # noqa: E402
from aiohttp.test_utils import TestClient, TestServer  # noqa: E402

from mirrortui.cli.serve import LOOPBACK, TokenServer, screen_command  # noqa: E402
from mirrortui.cli.session import Session  # noqa: E402

TOKEN = "a-token"
STATIC = "static/js/textual.js"


@asynccontextmanager
async def browser(command: str = "true") -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    server = TokenServer(command, 8765, TOKEN)
    async with TestClient(TestServer(await server._make_app())) as client:
        yield client


@pytest.mark.parametrize(
    "path",
    ["/", "/ws", f"/{STATIC}", "/download/x", "/a-toke/", "/a-tokenx/", "/%61-tokem/ws", f"/?token={TOKEN}"],
)
async def test_without_the_token_there_is_nothing(path: str) -> None:
    async with browser() as client:
        answer = await client.get(path)
        assert answer.status == 403
        assert TOKEN not in await answer.text()


async def test_no_socket_without_the_token_and_nothing_is_run() -> None:
    async with browser("echo ran > /dev/null") as client:
        for path in ("/ws", "/x/ws"):
            with pytest.raises(WSServerHandshakeError) as caught:
                await client.ws_connect(path)
            assert caught.value.status == 403


async def test_with_it_there_is_the_page_and_all_it_needs() -> None:
    async with browser() as client:
        page = await (await client.get(f"/{TOKEN}/")).text()
        assert f"ws://{LOOPBACK}:8765/{TOKEN}/ws" in page
        assert f"http://{LOOPBACK}:8765/{TOKEN}/static/" in page
        assert (await client.get(f"/{TOKEN}/{STATIC}")).status == 200


def test_it_is_served_on_this_machine_only() -> None:
    server = TokenServer("true", 8765, TOKEN)
    assert server.host == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:8765/{TOKEN}/"


def test_the_screen_is_that_of_this_invocation() -> None:
    command = screen_command(Session(socket="/tmp/a b.sock", theme="day", ascii=True))
    assert command.endswith("-m mirrortui.cli.main --socket '/tmp/a b.sock' --theme day --ascii")
