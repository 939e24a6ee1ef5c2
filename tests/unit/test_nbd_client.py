"""The client's half of the wire, fed by servers that are honest, old, or wrong."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from mirrortui.nbd.answers import Answer, Answers
from mirrortui.nbd.handshake import Export, ServerHandshake
from mirrortui.nbd.negotiation import ClientHandshake, Welcome
from mirrortui.nbd.protocol import (
    INFO_EXPORT,
    OPTION,
    OPTION_REPLY,
    OPTION_REPLY_MAGIC,
    Command,
    Error,
    Info,
    NbdError,
    Option,
    ProtocolError,
    Rep,
    TransmissionFlag,
)

GREETING = b"NBDMAGICIHAVEOPT"
EXPORT = Export("vault", 3 << 30, 512, readonly=True)


@pytest.mark.parametrize("name", ["", "vault"])
def test_our_halves_understand_each_other(name: str) -> None:
    server, client = ServerHandshake(EXPORT), ClientHandshake(name)
    while not client.ended:
        client.feed(server.take())
        server.feed(client.take())
    flags = EXPORT.flags(structured=True)
    assert client.result == Welcome(3 << 30, flags, True, 1, 512, 4096, 32 << 20)
    assert server.result
    assert server.result.block_status


def old_server(client: ClientHandshake, answer: Callable[[int, bytes], bytes]) -> None:
    """Plays a server that greets, then answers each option as told."""
    client.feed(GREETING + struct.pack(">H", 1))
    assert client.take()[:4] == struct.pack(">I", 1)
    # the first option came along with the flags
    pending = bytearray(OPTION.pack(0x49484156454F5054, Option.STRUCTURED_REPLY, 0))
    while pending:
        _, option, length = OPTION.unpack_from(pending)
        data = bytes(pending[OPTION.size : OPTION.size + length])
        client.feed(answer(option, data))
        pending = bytearray(client.take())


def reply(option: int, kind: int, data: bytes = b"") -> bytes:
    return OPTION_REPLY.pack(OPTION_REPLY_MAGIC, option, kind, len(data)) + data


def test_a_server_that_knows_only_export_name() -> None:
    def answer(option: int, data: bytes) -> bytes:
        if option == Option.EXPORT_NAME:
            assert data == b"x"
            return struct.pack(">QH", 4096, 3) + bytes(124)
        return reply(option, Rep.ERR_UNSUP)

    client = ClientHandshake("x")
    old_server(client, answer)
    assert client.result
    assert (client.result.size, client.result.structured, client.result.block_status) == (4096, False, None)
    assert client.result.flags == TransmissionFlag.HAS_FLAGS | TransmissionFlag.READ_ONLY
    assert not client.rest()


def test_an_oldest_newstyle_server() -> None:
    client = ClientHandshake("x")
    client.feed(GREETING + b"\0\0")
    assert client.take() == bytes(4) + OPTION.pack(0x49484156454F5054, Option.EXPORT_NAME, 1) + b"x"
    client.feed(struct.pack(">QH", 4096, 1) + bytes(124) + b"rest")
    assert client.result
    assert client.rest() == b"rest"


@pytest.mark.parametrize(
    ("kind", "words"),
    [(Rep.ERR_UNKNOWN, "no export named 'x'"), (Rep.ERR_TLS_REQD, "TLS"), (Rep.ERR_SHUTDOWN, "refused")],
)
def test_refusals_in_words(kind: Rep, words: str) -> None:
    with pytest.raises(NbdError, match=words):
        old_server(ClientHandshake("x"), lambda option, _: reply(option, kind))


@pytest.mark.parametrize(
    "answer",
    [
        lambda option, data: b"\xff" * 20,
        lambda option, data: reply(option + 1, Rep.ACK),
        lambda option, data: OPTION_REPLY.pack(OPTION_REPLY_MAGIC, option, 3, 1 << 31),
        lambda option, data: reply(option, 77) * 2000,
        lambda option, data: reply(option, Rep.ACK),  # GO without a size
        lambda option, data: (
            reply(option, Rep.INFO, INFO_EXPORT.pack(Info.EXPORT, 1 << 63, 1)) + reply(option, Rep.ACK)
        ),
    ],
)
def test_servers_that_are_wrong(answer: Callable[[int, bytes], bytes]) -> None:
    with pytest.raises(ProtocolError):
        old_server(ClientHandshake("x"), answer)


def test_what_is_no_nbd_server() -> None:
    for data in (b"HTTP/1.1 400 Bad Request", b"NBDMAGIC\0\0\x42\x02\x81\x86\x12\x53" + bytes(8)):
        with pytest.raises(ProtocolError, match="not an NBD server"):
            ClientHandshake("").feed(data)


def chunk(kind: int, data: bytes = b"", *, done: bool = True, cookie: int = 7) -> bytes:
    return struct.pack(">IHHQI", 0x668E33EF, done, kind, cookie, len(data)) + data


def hear(data: bytes, command: Command = Command.READ, length: int = 8, *, piece: int = 1 << 20) -> Answer:
    answers = Answers()
    answers.expect(Answer(7, command, 100, length))
    for at in range(0, len(data), piece):
        answers.feed(data[at : at + piece])
    (answer,) = answers.finished
    assert not answers.expected
    return answer


@pytest.mark.parametrize("piece", [1, 5, 1 << 20])
def test_a_read_in_pieces_holes_and_any_order(piece: int) -> None:
    data = (
        chunk(1, struct.pack(">Q", 105) + b"xyz", done=False)
        + chunk(2, struct.pack(">QI", 102, 3), done=False)
        + chunk(1, struct.pack(">Q", 100) + b"ab", done=False)
        + chunk(0)
    )
    assert hear(data, piece=piece).data == b"ab\0\0\0xyz"
    assert hear(chunk(1, struct.pack(">Q", 100) + b"12345678"), piece=piece).data == b"12345678"
    assert hear(chunk(2, struct.pack(">QI", 100, 8)), piece=piece).data == bytes(8)
    assert hear(struct.pack(">IIQ", 0x67446698, 0, 7) + b"12345678", piece=piece).data == b"12345678"


def test_errors_with_and_without_words() -> None:
    answer = hear(struct.pack(">IIQ", 0x67446698, Error.EIO, 7))
    assert (answer.error, answer.text, answer.data) == (Error.EIO, "", b"")
    answer = hear(chunk(0x8001, struct.pack(">IH", 28, 4) + b"full"), Command.WRITE)
    assert (answer.error, answer.text) == (Error.ENOSPC, "full")
    answer = hear(
        chunk(0x8002, struct.pack(">IH", 5, 3) + b"bad" + struct.pack(">Q", 102), done=False) + chunk(0)
    )
    assert (answer.error, answer.text) == (Error.EIO, "bad")
    assert hear(chunk(0x8999, struct.pack(">IH", 0, 0))).error == Error.EINVAL


def test_block_status() -> None:
    answer = hear(chunk(5, struct.pack(">IIIII", 1, 4096, 0, 512, 3)), Command.BLOCK_STATUS)
    assert answer.extents == [(4096, 0), (512, 3)]


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\0",
        chunk(0, cookie=8),
        struct.pack(">IIQ", 0x67446698, 0, 8),
        chunk(0),
        chunk(0, b"x"),
        chunk(77),
        chunk(1, struct.pack(">Q", 99) + b"12345678"),
        chunk(1, struct.pack(">Q", 101) + b"12345678"),
        chunk(1, struct.pack(">Q", 100)),
        chunk(1, struct.pack(">Q", 100) + b"1234"),
        chunk(1, b"short"),
        chunk(2, struct.pack(">QI", 100, 0xFFFFFFFF)),
        chunk(2, struct.pack(">QI", 100, 0)),
        chunk(0x8001, b"x"),
        struct.pack(">IHHQI", 0x668E33EF, 1, 1, 7, 0xFFFFFFFF),
    ],
)
def test_replies_that_are_wrong(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        hear(data)


@pytest.mark.parametrize("data", [b"", struct.pack(">I", 1), struct.pack(">III", 1, 4096, 0) + b"x"])
def test_block_status_that_is_wrong(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        hear(chunk(5, data), Command.BLOCK_STATUS)
