"""One exchange with an engine: HTTP over its Unix socket."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from mirrortui.api.answers import Event, Problem
from mirrortui.api.problems import from_problem
from mirrortui.errors import MirrortuiError, NoEngineError

Answer = TypeVar("Answer")
_NEXT_STEP = 'Start one with "mirrortui engine run", or name another with --socket.'


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("mirrortui", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
        self.wire = self.sock  # the parent forgets its own when the answer says "close"


class Events:
    """An EventStream (api.interface) over one connection."""

    def __init__(self, connection: _Connection, response: http.client.HTTPResponse, follow: bool) -> None:
        self._connection = connection
        self._response = response
        self._follow = follow
        self._socket = connection.wire
        self._closed = False

    def __iter__(self) -> Iterator[Event]:
        decoder = msgspec.json.Decoder(Event)
        try:
            while line := self._response.readline():
                if line.strip():
                    yield decoder.decode(line)
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # A socket closed by close() shows in several ways, depending on how far the read was.
            if not self._closed:
                raise NoEngineError(f"The engine's event stream broke: {error}.", hint=_NEXT_STEP) from error
        else:
            if self._follow and not self._closed:
                raise NoEngineError("The engine ended its event stream.", hint=_NEXT_STEP)
        finally:
            self.close()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a reader in another thread, as close() would not
        self._connection.close()


def exchange(
    path: Path, method: str, target: str, body: bytes | None, kind: type[Answer], timeout: float
) -> Answer:
    """The answer in full. `timeout`: seconds. Raises what the engine raised, NoEngineError, MirrortuiError."""
    connection, response = ask(path, method, target, body, timeout)
    try:
        return msgspec.json.decode(response.read(), type=kind)
    except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
        raise MirrortuiError(f"The engine's answer to {method} {target} broke off: {error}.") from error
    finally:
        connection.close()


def ask(
    path: Path, method: str, target: str, body: bytes | None, timeout: float
) -> tuple[_Connection, http.client.HTTPResponse]:
    """The answer, its body still to be read. Raises what the engine raised."""
    connection = _Connection(path, timeout)
    try:
        connection.request(method, target, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status < 300:
            return connection, response
        raise from_problem(msgspec.json.decode(response.read(), type=Problem))
    except TimeoutError as error:
        connection.close()
        raise NoEngineError(
            f"The engine on {path} did not answer within {timeout:.0f} s.",
            hint='"mirrortui engine status" tells whether it lives.',
        ) from error
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise NoEngineError(f"No engine answers on {path}: {reason}.", hint=_NEXT_STEP) from error
    except msgspec.MsgspecError as error:
        connection.close()
        raise MirrortuiError(f"What answers on {path} is not a mirrortui engine: {error}.") from error
    except MirrortuiError:
        connection.close()
        raise
