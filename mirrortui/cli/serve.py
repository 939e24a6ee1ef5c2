"""`--serve`: the same screen in a browser on this machine, behind a token."""

from __future__ import annotations

import secrets
import shlex
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
        """Say where."""
        click.echo(
            f"mirrortui: open {self.address}\nWho has this address has the screen. Ctrl+C ends it.", err=True
        )

    def initialize_logging(self) -> None:
        """Not to stdout."""


def serve(session: Session, port: int) -> None:
    """Serve the screen on loopback until interrupted. Blocks."""
    session.engine()  # what goes wrong is said here, not in a browser
    TokenServer(screen_command(session), port, secrets.token_urlsafe(_TOKEN_BYTES)).serve()


def screen_command(session: Session) -> str:
    """What opens the screen as this invocation would, for a shell."""
    words = [sys.executable, "-m", "mirrortui.cli.main", "--socket", str(session.paths.socket)]
    words += ["--theme", session.theme] if session.theme else []
    words += ["--ascii"] if session.ascii else []
    return shlex.join(words)
