"""What one client may hold of turns, requests and memory: its share, and nobody starves."""

from __future__ import annotations

from mirrortui.nbd.budget import Budget
from mirrortui.nbd.outbox import MOST_PENDING
from mirrortui.nbd.protocol import (
    REQUEST,
    REQUEST_MAGIC,
    Command,
)
from mirrortui.nbd.requests import MOST_BYTES, MOST_REQUESTS
from mirrortui.nbd.session import BATCH, Next
from tests.nbd_wire import MemoryTarget, Wire

MIB = 1 << 20


def pattern(length: int, seed: int = 1) -> bytes:
    """Bytes that differ from their neighbours and from each other's shifts."""
    return bytes((seed * 7 + index * 31 + (index >> 8) * 11) & 0xFF for index in range(length))


def test_a_client_gets_its_share_per_turn() -> None:
    target = MemoryTarget()
    wire = Wire(target)
    wire.reading = False
    request = REQUEST.pack(REQUEST_MAGIC, 0, Command.READ, 0, 0, 16)
    space = wire.session.space()[0]
    stream = request * (BATCH * 2 + 5)
    space[: len(stream)] = stream
    wire.session.received(len(stream))
    found = [wire.session.process() for _ in range(3)]
    assert found == [Next.TURN, Next.TURN, Next.BYTES]
    assert wire.traffic.reads == BATCH * 2 + 5


def test_replies_that_nobody_reads_stop_the_reading_of_requests() -> None:
    target = MemoryTarget()
    wire = Wire(target)
    wire.reading = False
    for _ in range(40):
        wire.request(Command.READ, 0, 64 << 10)
    assert wire.next is Next.ROOM
    assert wire.out.pending < MOST_PENDING + (65 << 10)
    assert wire.traffic.reads == MOST_PENDING // (64 << 10)
    wire.reading = True
    wire.go_on()
    wire.go_on()
    assert len(wire.answers.finished) == 40


def test_requests_in_flight_are_bounded() -> None:
    target = MemoryTarget(inline=False)
    wire = Wire(target)
    for _ in range(MOST_REQUESTS + 10):
        wire.request(Command.READ, 0, 16)
    assert len(target.waiting) == MOST_REQUESTS
    assert wire.next is Next.ROOM
    wakes = wire.wakes
    target.answer()
    assert wire.wakes > wakes
    wire.go_on()
    assert len(target.waiting) == MOST_REQUESTS
    target.answer_all()
    wire.go_on()
    target.answer_all()
    wire.go_on()
    assert len(wire.answers.finished) == MOST_REQUESTS + 10


def test_bytes_in_flight_are_bounded() -> None:
    target = MemoryTarget(64 << 20, inline=False)
    wire = Wire(target)
    for _ in range(20):
        wire.request(Command.READ, 0, 4 * MIB)
    assert len(target.waiting) == MOST_BYTES // (4 * MIB)
    while target.waiting:
        target.answer()
        wire.go_on()
    assert len(wire.answers.finished) == 20


def test_the_budget_is_shared_and_nobody_starves() -> None:
    target = MemoryTarget(64 << 20, inline=False)
    budget = Budget(20 << 20)
    hoarder, other = Wire(target, budget=budget), Wire(target, budget=budget)
    for _ in range(3):
        hoarder.request(Command.READ, 0, 8 * MIB)
    assert budget.used == 16 << 20
    other.request(Command.READ, 0, 8 * MIB)
    assert other.next is Next.ROOM
    assert budget.used == 16 << 20
    small = Wire(target, budget=budget)
    budget.used += 4 << 20  # somebody else's
    small.request(Command.READ, 0, MIB)
    assert len(target.waiting) == 3, "a client with nothing in flight gets a little whatever the others hold"
    budget.used -= 4 << 20
    target.answer()
    hoarder.go_on()
    assert other.wakes
    assert hoarder.session.in_flight == 1, "it takes no more before the one who waits"
    other.go_on()
    assert other.session.in_flight == 1


def test_who_does_not_read_its_replies_keeps_nobody_waiting_for_the_budget() -> None:
    target = MemoryTarget(64 << 20, inline=False)
    budget = Budget(12 << 20)
    holder, stuck, other = (Wire(target, budget=budget) for _ in range(3))
    stuck.reading = False
    stuck.request(Command.READ, 0, MIB)
    holder.request(Command.READ, 0, 8 * MIB)
    stuck.request(Command.READ, 0, 8 * MIB)
    assert stuck.next is Next.ROOM
    target.answer()
    assert stuck.out.full
    other.request(Command.READ, 0, 2 * MIB)
    assert other.session.in_flight == 1


def test_big_replies_hold_their_budget_until_they_are_sent() -> None:
    target = MemoryTarget(64 << 20, inline=False)
    budget = Budget(64 << 20)
    wire = Wire(target, budget=budget)
    wire.reading = False
    wire.request(Command.READ, 0, 2 * MIB)
    target.answer()
    assert budget.used == 2 * MIB
    wire.reading = True
    wire.go_on()
    assert budget.used == 0
    assert wire.take().length == 2 * MIB


def test_a_client_that_leaves_gives_everything_back() -> None:
    target = MemoryTarget(64 << 20, inline=False)
    budget = Budget(64 << 20)
    wire = Wire(target, budget=budget)
    wire.reading = False
    wire.request(Command.READ, 0, MIB // 2)
    target.answer()  # its reply is never sent
    wire.request(Command.WRITE, 0, data=b"y" * 4096)
    wire.send(REQUEST.pack(REQUEST_MAGIC, 0, Command.WRITE, 9, 8192, MIB) + b"half")
    assert wire.session.in_flight == 3
    wire.session.close()
    wire.out.close()
    assert wire.session.in_flight == 1, "the target still has one"
    wakes = wire.wakes
    target.answer()
    assert target.data[:4096] == b"y" * 4096
    assert target.data[8192:12288] == bytes(4096)
    assert (wire.session.in_flight, budget.used) == (0, 0)
    assert wire.wakes > wakes
    assert not wire.out.pending


def test_end_takes_no_more_but_answers() -> None:
    target = MemoryTarget(inline=False)
    wire = Wire(target)
    wire.request(Command.WRITE, 0, data=b"x")
    wire.send(REQUEST.pack(REQUEST_MAGIC, 0, Command.WRITE, 9, 0, MIB) + b"half")
    wire.session.end()
    assert wire.session.in_flight == 1
    wire.send(REQUEST.pack(REQUEST_MAGIC, 0, Command.READ, 0, 0, 1))
    assert wire.next is Next.END
    assert len(target.calls) == 1
    target.answer()
    assert wire.take().command == Command.WRITE
