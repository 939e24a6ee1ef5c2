"""The transmission phase, request by request, without a socket."""

from __future__ import annotations

import random
import struct

import pytest

from mirrortui.nbd.outbox import AREA
from mirrortui.nbd.protocol import (
    REQUEST,
    REQUEST_MAGIC,
    Chunk,
    Command,
    CommandFlag,
    Error,
)
from mirrortui.nbd.session import INBOX, INLINE, Next
from tests.nbd_wire import MemoryTarget, Wire

MIB = 1 << 20
SIZE = 4 * MIB
PIECES = [1, 29, 1000, 1 << 30]


def pattern(length: int, seed: int = 1) -> bytes:
    """Bytes that differ from their neighbours and from each other's shifts."""
    return bytes((seed * 7 + index * 31 + (index >> 8) * 11) & 0xFF for index in range(length))


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("structured", [True, False])
def test_write_and_read_however_the_bytes_are_cut(structured: bool, piece: int) -> None:
    target = MemoryTarget()
    wire = Wire(target, structured=structured, piece=piece)
    data = pattern(5000)
    assert not wire.ask(Command.WRITE, 777, data=data).error
    assert target.data[776:5778] == b"\0" + data + b"\0"
    assert wire.ask(Command.READ, 776, 5002).data == b"\0" + data + b"\0"
    assert (wire.traffic.writes, wire.traffic.write_bytes) == (1, 5000)
    assert (wire.traffic.reads, wire.traffic.read_bytes) == (1, 5002)
    assert not target.calls


def test_replies_byte_by_byte() -> None:
    """What our own parser takes apart is checked against the protocol's text once."""
    wire = Wire(MemoryTarget(), structured=False)
    wire.request(Command.WRITE, 0, data=b"abc")
    wire.request(Command.READ, 0, 3)
    wire.request(Command.READ, 1 << 40, 1)
    assert wire.raw == (
        struct.pack(">IIQ", 0x67446698, 0, 0x1001)
        + struct.pack(">IIQ", 0x67446698, 0, 0x1002) + b"abc"
        + struct.pack(">IIQ", 0x67446698, 22, 0x1003)
    )  # fmt: skip
    wire = Wire(MemoryTarget())
    wire.request(Command.WRITE, 5, data=b"abc")
    wire.request(Command.READ, 5, 3)
    assert wire.raw == (
        struct.pack(">IIQ", 0x67446698, 0, 0x1001)
        + struct.pack(">IHHQIQ", 0x668E33EF, 1, 1, 0x1002, 11, 5) + b"abc"
    )  # fmt: skip
    wire.raw.clear()
    wire.request(Command.READ, 1 << 40, 1)
    magic, flags, kind, cookie, length, error, text = struct.unpack_from(">IHHQIIH", wire.raw)
    assert (magic, flags, kind, cookie, error) == (0x668E33EF, 1, Chunk.ERROR, 0x1003, 22)
    assert length == 6 + text == len(wire.raw) - 20


@pytest.mark.parametrize("piece", PIECES)
def test_many_requests_in_one_receive(piece: int) -> None:
    target = MemoryTarget()
    wire = Wire(target, piece=piece)
    blocks = [pattern(512, seed) for seed in range(50)]
    stream = b"".join(
        REQUEST.pack(REQUEST_MAGIC, 0, Command.WRITE, 0, at * 512, 512) + block
        for at, block in enumerate(blocks)
    )
    stream += REQUEST.pack(REQUEST_MAGIC, 0, Command.DISC, 0, 0, 0)
    wire.reading = False
    wire.send(stream)
    assert target.data[: 50 * 512] == b"".join(blocks)
    assert wire.next is Next.END
    assert wire.out.pending == 50 * 16


@pytest.mark.parametrize("structured", [True, False])
def test_a_batch_of_short_answers_leaves_room_for_a_long_one(structured: bool) -> None:
    target = MemoryTarget(8 << 20)
    target.data[:] = random.Random(1).randbytes(8 << 20)
    wire = Wire(target, structured=structured)
    half = (AREA - INLINE - 200) // 2
    reads = [(0, half), (INLINE, half), (3 * INLINE, INLINE - 1), (5, 5)]
    with wire.held_back():
        first = [wire.request(Command.READ, *asked) for asked in reads[:2]]
        for _ in range(240):
            wire.request(Command.WRITE, 7 << 20, data=b"x")
        cookies = first + [wire.request(Command.READ, *asked) for asked in reads[2:]]
    answers = {answer.cookie: answer for answer in wire.answers.finished}
    assert len(answers) == 244
    for cookie, (offset, length) in zip(cookies, reads, strict=True):
        assert answers[cookie].data == target.data[offset : offset + length]


@pytest.mark.parametrize("piece", [INBOX // 3, 1 << 30])
@pytest.mark.parametrize("length", [64 << 10, (64 << 10) + 1, INBOX - 28, INBOX, INLINE, INLINE + 1, 3 * MIB])
def test_writes_of_every_size_class(length: int, piece: int) -> None:
    """Short ones out of the inbox, long ones into their own buffer; two in a row, so that one meets the next."""
    target = MemoryTarget(8 << 20)
    wire = Wire(target, piece=piece)
    first, second = pattern(length, 1), pattern(length, 2)
    requests = [
        REQUEST.pack(REQUEST_MAGIC, 0, Command.WRITE, 0, at, length) + data
        for at, data in ((1, first), (1 + length, second))
    ]
    wire.reading = False
    wire.send(b"".join(requests))
    assert len(target.waiting) == (2 if length > INLINE else 0)
    target.answer_all()
    assert target.data[: 2 * length + 2] == b"\0" + first + second + b"\0"
    assert wire.out.pending == 32
    assert not wire.session.in_flight


def test_what_the_target_does_not_take_at_once_is_started() -> None:
    target = MemoryTarget(inline=False)
    wire = Wire(target)
    wire.request(Command.WRITE, 10, data=b"payload")
    wire.request(Command.READ, 10, 7)
    assert target.calls == ["write 10 7", "read 10 7"]
    assert not wire.answers.finished
    target.answer()
    target.answer()
    assert [answer.data for answer in (wire.take(), wire.take())] == [b"", b"payload"]
    assert not wire.session.in_flight


def test_answers_go_out_in_the_order_in_which_the_target_answers() -> None:
    target = MemoryTarget(inline=False)
    wire = Wire(target)
    first, second = wire.request(Command.READ, 0, 100), wire.request(Command.READ, 100, 50000)
    target.answer(last=True)
    assert wire.take().cookie == second
    target.answer()
    assert wire.take().cookie == first


def test_the_payload_is_private_until_the_target_is_done() -> None:
    """I7: what the client sends next must not show in a write that is under way."""
    target = MemoryTarget(inline=False)
    wire = Wire(target)
    wire.request(Command.WRITE, 0, data=b"A" * 4096)
    wire.request(Command.WRITE, 8192, data=b"B" * 4096)
    target.answer_all()
    assert target.data[:4096] == b"A" * 4096


@pytest.mark.parametrize(
    ("command", "flags", "call"),
    [
        (Command.WRITE, CommandFlag.FUA, "write 0 512 fua"),
        (Command.FLUSH, 0, "flush"),
        (Command.FLUSH, CommandFlag.FUA, "flush"),
        (Command.TRIM, 0, "trim 0 512"),
        (Command.TRIM, CommandFlag.FUA, "trim 0 512 fua"),
        (Command.WRITE_ZEROES, 0, "zero 0 512"),
        (Command.WRITE_ZEROES, CommandFlag.FUA, "zero 0 512 fua"),
        (Command.WRITE_ZEROES, CommandFlag.NO_HOLE, "zero 0 512 keep"),
        (Command.WRITE_ZEROES, CommandFlag.FAST_ZERO, "zero 0 512"),
        (Command.READ, CommandFlag.FUA, "read 0 512"),
        (Command.READ, CommandFlag.DF, "read 0 512"),
    ],
)
def test_commands_and_flags_reach_the_target(command: Command, flags: int, call: str) -> None:
    target = MemoryTarget()
    wire = Wire(target)
    length = 0 if command == Command.FLUSH else 512
    wire.request(command, 0, length, b"x" * 512 if command == Command.WRITE else b"", flags)
    assert target.calls == [call]
    assert not wire.answers.finished, "answered before the target was done"
    target.answer()
    assert not wire.take().error


@pytest.mark.parametrize("flags", [CommandFlag.FAST_ZERO, CommandFlag.FAST_ZERO | CommandFlag.NO_HOLE])
def test_fast_zero_fails_fast_where_it_is_not(flags: int) -> None:
    target = MemoryTarget()
    target.can_punch = flags & CommandFlag.NO_HOLE != 0
    wire = Wire(target)
    assert wire.ask(Command.WRITE_ZEROES, 0, 512, flags=flags).error == Error.ENOTSUP
    assert not target.calls
    assert not wire.session.in_flight


def test_cache_is_a_hint() -> None:
    wire = Wire(MemoryTarget())
    assert not wire.ask(Command.CACHE, 0, 4 * MIB).error


@pytest.mark.parametrize("structured", [True, False])
@pytest.mark.parametrize(
    "command", [Command.READ, Command.WRITE, Command.TRIM, Command.CACHE, Command.WRITE_ZEROES]
)
def test_no_bytes_at_all(command: Command, structured: bool) -> None:
    target = MemoryTarget()
    wire = Wire(target, structured=structured)
    answer = wire.ask(command, 5, 0)
    assert (answer.error, answer.data) == (0, b"")
    assert not target.calls


def test_block_status_merges_and_clips() -> None:
    target = MemoryTarget(64 << 20)
    target.holes = [(MIB, 30 * MIB), (40 * MIB, 24 * MIB)]
    wire = Wire(target)
    assert wire.ask(Command.BLOCK_STATUS, 0, 64 << 20).extents == [
        (MIB, 0),
        (30 * MIB, 3),
        (9 * MIB, 0),
        (24 * MIB, 3),
    ]
    assert wire.ask(Command.BLOCK_STATUS, 2 * MIB, MIB).extents == [(MIB, 3)]
    answer = wire.ask(Command.BLOCK_STATUS, MIB, 60 * MIB, flags=CommandFlag.REQ_ONE)
    assert answer.extents == [(30 * MIB, 3)]


def test_block_status_of_shreds_ends_early() -> None:
    target = MemoryTarget(64 << 20)
    target.holes = [(at, 4096) for at in range(0, 64 << 20, 8192)]
    wire = Wire(target)
    extents = wire.ask(Command.BLOCK_STATUS, 0, 64 << 20).extents
    assert len(extents) >= 512
    assert sum(length for length, _ in extents) < 64 << 20
    assert extents[:3] == [(4096, 3), (4096, 0), (4096, 3)]


def test_block_status_without_a_context_or_of_nothing() -> None:
    assert Wire(MemoryTarget(), structured=False).ask(Command.BLOCK_STATUS, 0, 512).error == Error.EINVAL
    assert Wire(MemoryTarget()).ask(Command.BLOCK_STATUS, 0, 0).error == Error.EINVAL
    assert Wire(MemoryTarget(SIZE)).ask(Command.BLOCK_STATUS, SIZE, 1).error == Error.EINVAL
