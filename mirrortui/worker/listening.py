"""Listening sockets, made with care: nobody else's socket is taken, no other user gets in."""

from __future__ import annotations

import ipaddress
import os
import socket
import stat
import struct
from pathlib import Path

from mirrortui.errors import InUseError, RequestError

_BACKLOG = 128
_LONGEST_PATH = 107
_PEER = struct.Struct("3i")
"""SO_PEERCRED: pid, uid, gid."""


def listen_unix(path: Path) -> socket.socket:
    """A socket at `path` that only its owner may connect to. One that nobody answers on any more is replaced.

    Raises InUseError (somebody answers, or it is not a socket), RequestError (a path that cannot be).
    """
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise RequestError(
            f"{path} is too long for a Unix socket.", hint=f"Use a path of at most {_LONGEST_PATH} bytes."
        )
    _clear_the_way(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        sock.bind(str(path))
        sock.listen(_BACKLOG)
    except OSError as problem:
        sock.close()
        raise RequestError(
            f"Cannot listen at {path}: {problem.strerror}.", hint="Choose another path with --unix."
        ) from problem
    finally:
        os.umask(before)
    sock.setblocking(False)
    return sock


def listen_tcp(host: str, port: int) -> socket.socket:
    """A socket on a loopback address. Port 0: any that is free.

    Raises RequestError: another address, or one that cannot be had.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise RequestError(f"{host!r} is not an IP address.", hint="Use 127.0.0.1 or ::1.") from None
    if not address.is_loopback:
        raise RequestError(
            f"{host} can be reached from other machines, and this link is not encrypted.",
            hint="Use 127.0.0.1 or ::1, or an SSH tunnel to it.",
        )
    sock = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((str(address), port))
        sock.listen(_BACKLOG)
    except OSError as problem:
        sock.close()
        raise RequestError(
            f"Cannot listen at {host}:{port}: {problem.strerror}.", hint="Choose another port with --tcp."
        ) from problem
    sock.setblocking(False)
    return sock


def host_and_port(text: str) -> tuple[str, int]:
    """Take HOST:PORT apart. Raises RequestError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise RequestError(
            f"{text!r} is not an address.",
            hint="Use HOST:PORT, such as 127.0.0.1:10809; port 0 takes a free one.",
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def peer_name(sock: socket.socket) -> str:
    """Who is on the other side: "qemu-img (pid 4711)" where the socket tells, else the address."""
    if sock.family != socket.AF_UNIX:
        host, port = sock.getpeername()[:2]
        return f"{host}:{port}"
    pid, uid, _ = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    try:
        program = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:  # gone already, or of another PID namespace
        return f"uid {uid}"
    printable = "".join(letter if letter.isprintable() else "?" for letter in program)
    return f"{printable} (pid {pid})"


def _clear_the_way(path: Path) -> None:
    """Unlink the socket of a server that is gone."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise InUseError(f"{path} exists and is not a socket.", hint="Remove it or choose another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as problem:
            raise InUseError(
                f"{path} cannot be probed: {problem.strerror}.", hint="Remove it or choose another path."
            ) from problem
    raise InUseError(f"Somebody is already serving at {path}.", hint="Choose another path.")
