"""NBD URIs: nbd+unix:///NAME?socket=PATH and nbd://HOST:PORT/NAME."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

from mirrortui.errors import RequestError

DEFAULT_PORT = 10809


@dataclass(frozen=True, slots=True)
class NbdUri:
    """Where an export is. `socket` for a Unix socket, else `host` and `port`."""

    export: str
    socket: str = ""
    host: str = ""
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        name = quote(self.export, safe="")
        if self.socket:
            return f"nbd+unix:///{name}?socket={quote(self.socket)}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"nbd://{host}:{self.port}/{name}"


def parse_uri(text: str) -> NbdUri:
    """Take an NBD URI apart. Raises RequestError, naming what is wrong with it."""
    parts = urlsplit(text)
    export = unquote(parts.path.removeprefix("/"))
    if parts.scheme == "nbd+unix":
        socket = parse_qs(parts.query).get("socket", [""])[0]
        if not socket:
            raise _unusable(text, "it names no socket")
        return NbdUri(export, socket=socket)
    if parts.scheme != "nbd":
        raise _unusable(text, "it begins with neither nbd:// nor nbd+unix://")
    try:
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise _unusable(text, "its port is not a number up to 65535") from None
    if not parts.hostname:
        raise _unusable(text, "it names no host")
    return NbdUri(export, host=parts.hostname, port=port)


def _unusable(text: str, why: str) -> RequestError:
    return RequestError(
        f"{text!r} is not an NBD URI: {why}.",
        hint="Expected nbd+unix:///NAME?socket=PATH or nbd://HOST:PORT/NAME.",
    )
