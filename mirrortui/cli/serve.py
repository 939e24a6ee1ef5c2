"""`--serve`: the same screen in a browser on this machine, behind a token."""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable

import rich_click as click

from mirrortui.cli.session import Session
from mirrortui.errors import RequestError

try:
    from aiohttp import web
    from textual_serve.server import Server
except ImportError:
    raise RequestError(
        "What shows the screen in a browser is not installed.",
        hint="pip install 'mirrortui[serve]' installs it.",
    ) from None

LOOPBACK = "127.0.0.1"
_TOKEN_BYTES = 24
_LEAVES_WITHIN = 3.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TokenServer(Server):
    """Every address of it begins with the token: page, files and socket alike. All else is refused, unseen."""

    def __init__(self, command: str, port: int, token: str) -> None:
        """`command`: what is run for each browser that comes."""
        super().__init__(command, host=LOOPBACK, port=port, title="mirrortui")
        self._token = token

    @property
    def address(self) -> str:
        """What to open."""
        return f"{self.public_url}/{self._token}/"

    async def _make_app(self) -> web.Application:
        inside = await super()._make_app()
        outside = web.Application(middlewares=[self._guard])
        outside.add_subapp(f"/{self._token}", inside)
        return outside

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.path.split("/", 2)[1]
        if not secrets.compare_digest(given.encode(), self._token.encode()):
            raise web.HTTPForbidden(text="Open the address that mirrortui printed: it has the token.\n")
        return await handler(request)

    async def on_startup(self, app: web.Application) -> None:
        """Its banner is not for us."""

    async def run(self) -> None:
        """Until SIGINT or SIGTERM. Raises RequestError where the port is not to be had."""
        runner = web.AppRunner(await self._make_app(), shutdown_timeout=_LEAVES_WITHIN)
        await runner.setup()
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        try:
            await web.TCPSite(runner, self.host, self.port).start()
            self._say_where()
            await ended.wait()
        except OSError as error:
            raise RequestError(
                f"Port {self.port} cannot be served at: {os.strerror(error.errno or 0)}.",
                hint="Choose another with --port.",
            ) from None
        finally:
            await runner.cleanup()

    def _say_where(self) -> None:
        click.echo(
            f"mirrortui: open {self.address}\nWho has this address has the screen. Ctrl+C ends it.", err=True
        )


def serve(session: Session, port: int) -> None:
    """Serve the screen on loopback until interrupted. Blocks."""
    session.engine()  # what goes wrong is said here, not in a browser
    asyncio.run(TokenServer(screen_command(session), port, secrets.token_urlsafe(_TOKEN_BYTES)).run())


def screen_command(session: Session) -> str:
    """What opens the screen as this invocation would, for a shell."""
    words = [sys.executable, "-m", "mirrortui.cli.main", "--socket", str(session.paths.socket)]
    words += ["--theme", session.theme] if session.theme else []
    words += ["--ascii"] if session.ascii else []
    return shlex.join(words)
