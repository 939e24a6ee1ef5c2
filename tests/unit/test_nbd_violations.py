"""The transmission phase, violation by violation, without a socket: an error, or the end where it must be."""

from __future__ import annotations

import errno

import pytest

from mirrortui.nbd.protocol import (
    MAX_PAYLOAD,
    REQUEST,
    REQUEST_MAGIC,
    Command,
    CommandFlag,
    Error,
    ProtocolError,
)
from mirrortui.nbd.session import Next
from tests.nbd_wire import MemoryTarget, Wire

MIB = 1 << 20
SIZE = 4 * MIB


@pytest.mark.parametrize("structured", [True, False])
@pytest.mark.parametrize(
    ("command", "flags", "offset", "length", "error"),
    [
        (Command.READ, 0, SIZE, 1, Error.EINVAL),
        (Command.READ, 0, SIZE - 1, 2, Error.EINVAL),
        (Command.READ, 0, (1 << 64) - 1, 0xFFFFFFFF, Error.EINVAL),
        (Command.WRITE, 0, SIZE, 1, Error.ENOSPC),
        (Command.WRITE, 0, SIZE - 1, 2, Error.ENOSPC),
        (Command.WRITE_ZEROES, 0, SIZE - 1, 2, Error.ENOSPC),
        (Command.TRIM, 0, SIZE - 1, 2, Error.EINVAL),
        (Command.CACHE, 0, SIZE - 1, 2, Error.EINVAL),
        (Command.FLUSH, 0, 1, 0, Error.EINVAL),
        (Command.FLUSH, 0, 0, 1, Error.EINVAL),
        (Command.READ, CommandFlag.NO_HOLE, 0, 1, Error.EINVAL),
        (Command.READ, 1 << 5, 0, 1, Error.EINVAL),
        (Command.WRITE, CommandFlag.DF, 0, 1, Error.EINVAL),
        (Command.WRITE, 1 << 15, 0, 1, Error.EINVAL),
        (Command.TRIM, CommandFlag.NO_HOLE, 0, 1, Error.EINVAL),
        (Command.CACHE, CommandFlag.REQ_ONE, 0, 1, Error.EINVAL),
        (Command.WRITE_ZEROES, CommandFlag.DF, 0, 1, Error.EINVAL),
        (8, 0, 0, 0, Error.EINVAL),
        (99, 0, 0, 1, Error.EINVAL),
        (0xFFFF, 0xFFFF, 0, 1, Error.EINVAL),
    ],
)
def test_bad_requests_get_an_error_and_the_connection_lives(
    command: int, flags: int, offset: int, length: int, error: Error, structured: bool
) -> None:
    target = MemoryTarget(SIZE)
    wire = Wire(target, structured=structured)
    payload = b"x" * length if command == Command.WRITE else b""
    answer = wire.ask(command, offset, length, payload, flags)
    assert answer.error == error
    assert bool(answer.text) == structured
    assert not target.calls
    assert target.data == bytes(SIZE)
    assert not wire.ask(Command.READ, 0, 1).error


def test_payload_too_long_is_drained() -> None:
    target = MemoryTarget(64 << 20)
    wire = Wire(target)
    answer = wire.ask(Command.WRITE, 0, data=bytes(MAX_PAYLOAD + 1))
    assert answer.error == Error.EINVAL
    assert not target.calls
    assert not wire.ask(Command.READ, 0, 1).error


def test_the_longest_payload_is_taken() -> None:
    target = MemoryTarget(MAX_PAYLOAD)
    wire = Wire(target)
    wire.request(Command.WRITE, 0, data=b"x" * MAX_PAYLOAD)
    target.answer()
    assert not wire.take().error
    assert target.data == b"x" * MAX_PAYLOAD
    wire.request(Command.READ, 0, MAX_PAYLOAD)
    target.answer()
    assert wire.take().data == target.data


def test_a_refused_payload_is_never_parsed_as_requests() -> None:
    target = MemoryTarget()
    wire = Wire(target, readonly=True)
    disguised = REQUEST.pack(REQUEST_MAGIC, 0, Command.DISC, 0, 0, 0) * 100
    assert wire.ask(Command.WRITE, 0, data=disguised).error == Error.EPERM
    assert wire.next is Next.BYTES


def test_read_too_long() -> None:
    wire = Wire(MemoryTarget(64 << 20))
    assert wire.ask(Command.READ, 0, MAX_PAYLOAD + 1).error == Error.EOVERFLOW


def test_zeroes_may_be_longer_than_any_payload() -> None:
    target = MemoryTarget(64 << 20)
    wire = Wire(target)
    wire.request(Command.WRITE_ZEROES, 0, 64 << 20)
    target.answer()
    assert not wire.take().error


@pytest.mark.parametrize("command", [Command.WRITE, Command.TRIM, Command.WRITE_ZEROES])
def test_readonly(command: Command) -> None:
    target = MemoryTarget()
    wire = Wire(target, readonly=True)
    payload = b"x" * 100 if command == Command.WRITE else b""
    assert wire.ask(command, 0, 100, payload).error == Error.EPERM
    assert not target.calls
    assert target.data == bytes(target.size)
    assert not wire.ask(Command.READ, 0, 100).error


@pytest.mark.parametrize("command", [c for c in Command if c not in (Command.DISC, Command.FLUSH)])
@pytest.mark.parametrize(("offset", "length"), [(256, 512), (512, 100)])
def test_not_in_whole_blocks(command: Command, offset: int, length: int) -> None:
    target = MemoryTarget(block_size=512)
    wire = Wire(target)
    payload = b"x" * length if command == Command.WRITE else b""
    assert wire.ask(command, offset, length, payload).error == Error.EINVAL
    assert not target.calls
    assert not wire.ask(Command.READ, 512, 512).error


def test_df_needs_structured_replies() -> None:
    wire = Wire(MemoryTarget(), structured=False)
    assert wire.ask(Command.READ, 0, 1, flags=CommandFlag.DF).error == Error.EINVAL


@pytest.mark.parametrize("structured", [True, False])
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.EIO, Error.EIO),
        (errno.ENOSPC, Error.ENOSPC),
        (errno.EDQUOT, Error.ENOSPC),
        (errno.EROFS, Error.EPERM),
        (errno.ETIMEDOUT, Error.EIO),
        (errno.ENODEV, Error.EIO),
    ],
)
def test_errors_of_the_target_in_the_protocols_words(number: int, error: Error, structured: bool) -> None:
    target = MemoryTarget(inline=False)
    wire = Wire(target, structured=structured)
    for command, data in ((Command.READ, b""), (Command.WRITE, b"x" * 100)):
        wire.request(command, 0, 100, data)
        target.answer(number)
        answer = wire.take()
        assert (answer.command, answer.error) == (command, error)
    assert not wire.session.in_flight


def test_garbage_is_a_protocol_error_after_what_came_before_it() -> None:
    target = MemoryTarget()
    wire = Wire(target)
    good = REQUEST.pack(REQUEST_MAGIC, 0, Command.WRITE, 1, 0, 3) + b"abc"
    with pytest.raises(ProtocolError, match="request magic"):
        wire.send(good + b"G" * 28)
    assert target.data[:3] == b"abc"


def test_disc_answers_what_is_in_flight_and_reads_no_more() -> None:
    target = MemoryTarget(inline=False)
    wire = Wire(target)
    wire.request(Command.WRITE, 0, data=b"x")
    wire.send(REQUEST.pack(REQUEST_MAGIC, 0, Command.DISC, 0, 0, 0) + b"garbage after goodbye" * 10)
    assert wire.next is Next.END
    assert wire.session.in_flight == 1
    target.answer()
    assert wire.take().command == Command.WRITE
