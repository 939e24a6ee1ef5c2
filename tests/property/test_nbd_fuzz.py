"""Whatever bytes come: an answer or a ProtocolError, never anything else, and never a byte out of place."""

from __future__ import annotations

import contextlib
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from mirrortui.nbd.answers import Answer, Answers
from mirrortui.nbd.handshake import Export, ServerHandshake
from mirrortui.nbd.negotiation import ClientHandshake
from mirrortui.nbd.protocol import (
    CLIENT_FLAGS,
    OPTION,
    OPTION_MAGIC,
    REQUEST,
    REQUEST_MAGIC,
    Command,
    NbdError,
    ProtocolError,
)
from tests.nbd_wire import MemoryTarget, Wire

SIZE = 1 << 16
pieces = st.sampled_from([1, 3, 27, 28, 29, 100, 1 << 20])


def cut(data: bytes, piece: int) -> list[bytes]:
    return [data[at : at + piece] for at in range(0, len(data), piece)]


strings = st.one_of(st.binary(max_size=20), st.sampled_from([b"", b"v", b"base:allocation", b"base:"])).map(
    lambda text: struct.pack(">I", len(text)) + text
)
option_data = st.one_of(
    st.binary(max_size=60),
    st.tuples(strings, st.binary(max_size=8)).map(b"".join),
    st.tuples(strings, st.integers(0, 3).map(lambda n: struct.pack(">I", n)), strings, strings).map(b"".join),
)
options = st.builds(
    lambda option, data: OPTION.pack(OPTION_MAGIC, option, len(data)) + data,
    st.one_of(st.integers(1, 12), st.integers(0, 0xFFFFFFFF)),
    option_data,
)


@given(st.lists(st.one_of(options, st.binary(max_size=40)), max_size=6), st.integers(0, 3), pieces)
def test_server_handshake(said: list[bytes], flags: int, piece: int) -> None:
    server = ServerHandshake(Export("v", SIZE, 1, readonly=False))
    with contextlib.suppress(ProtocolError):
        for data in cut(CLIENT_FLAGS.pack(flags) + b"".join(said), piece):
            server.feed(data)


@given(st.lists(options, max_size=6), pieces)
def test_server_handshake_says_the_same_however_cut(said: list[bytes], piece: int) -> None:
    stream = CLIENT_FLAGS.pack(3) + b"".join(said)

    def play(size: int) -> tuple[bytes, bool]:
        server = ServerHandshake(Export("v", SIZE, 1, readonly=False))
        try:
            for data in cut(stream, size):
                server.feed(data)
        except ProtocolError:
            return b"closed", False
        return server.take(), server.ended

    assert play(piece) == play(1 << 20)


@given(st.binary(max_size=300), st.booleans(), pieces)
def test_client_handshake(noise: bytes, greeted: bool, piece: int) -> None:
    client = ClientHandshake("v")
    greeting = b"NBDMAGICIHAVEOPT\0\3" if greeted else b""
    with contextlib.suppress(NbdError):
        for data in cut(greeting + noise, piece):
            client.feed(data)


chunks = st.builds(
    lambda done, kind, cookie, data: struct.pack(">IHHQI", 0x668E33EF, done, kind, cookie, len(data)) + data,
    st.booleans(),
    st.sampled_from([0, 1, 2, 5, 0x8001, 0x8002, 9]),
    st.integers(0, 3),
    st.binary(max_size=40),
)


@given(st.lists(st.one_of(chunks, st.binary(max_size=40)), max_size=8), pieces)
def test_answers(said: list[bytes], piece: int) -> None:
    answers = Answers()
    for cookie, command in enumerate((Command.READ, Command.WRITE, Command.BLOCK_STATUS)):
        answers.expect(Answer(cookie, command, 0, 16))
    with contextlib.suppress(ProtocolError):
        for data in cut(b"".join(said), piece):
            answers.feed(data)


offsets = st.one_of(st.integers(0, SIZE), st.integers(0, (1 << 64) - 1))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    command = draw(st.one_of(st.sampled_from([0, 1, 3, 4, 5, 6, 7]), st.integers(0, 0xFFFF)))
    flags = draw(st.one_of(st.just(0), st.integers(0, 0x3F), st.integers(0, 0xFFFF)))
    length = draw(st.integers(0, 5000))
    header = REQUEST.pack(REQUEST_MAGIC, flags, command, draw(st.integers(0, 9)), draw(offsets), length)
    return header + (bytes([draw(st.integers(0, 255))]) * length if command == Command.WRITE else b"")


@settings(max_examples=200)
@given(
    st.lists(st.one_of(requests(), requests(), requests(), st.binary(max_size=40)), max_size=12),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    pieces,
)
def test_session(said: list[bytes], structured: bool, readonly: bool, inline: bool, piece: int) -> None:
    target = MemoryTarget(SIZE, inline=inline)
    wire = Wire(target, structured=structured, readonly=readonly, piece=piece)
    wire.reading = False
    with contextlib.suppress(ProtocolError):
        wire.send(b"".join(said))
    assert len(target.data) == SIZE
    if readonly:
        assert target.data == bytes(SIZE)
    target.answer_all()
    wire.session.close()
    wire.out.close()
    assert wire.session.in_flight == 0


@given(st.lists(requests(), max_size=12), st.booleans(), st.booleans(), pieces)
def test_session_answers_each_request_once_and_the_same_however_cut(
    said: list[bytes], structured: bool, inline: bool, piece: int
) -> None:
    def play(size: int) -> tuple[bytes, bytes]:
        target = MemoryTarget(SIZE, inline=inline)
        wire = Wire(target, structured=structured, piece=size)
        wire.reading = False
        for request in said:
            wire.send(request)
            target.answer_all()
            wire.go_on()
        sent = b"".join(wire.out.pieces())
        return sent, bytes(target.data)

    assert play(piece) == play(1 << 20)
