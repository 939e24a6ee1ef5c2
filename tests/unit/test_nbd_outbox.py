"""Replies in order, whatever was packed, given and sent in between."""

from __future__ import annotations

import random

import pytest

from mirrortui.device.buffers import Pool
from mirrortui.nbd.outbox import AREA, Outbox


class Owner:
    dropped = 0

    def drop(self) -> None:
        self.dropped += 1


def everything(out: Outbox) -> bytes:
    found = bytearray()
    while out.pending:
        data = b"".join(out.pieces())
        found += data
        out.sent(len(data))
    return bytes(found)


@pytest.mark.parametrize("seed", range(20))
def test_bytes_come_out_as_they_went_in(seed: int) -> None:
    rng = random.Random(seed)
    pool = Pool()
    pool.poison = True
    out = Outbox(pool)
    expected, got = bytearray(), bytearray()
    owners = []
    for _ in range(300):
        action = rng.randrange(4)
        data = rng.randbytes(rng.choice([0, 1, 16, 4096, 70_000]))
        if action == 0:
            out.append(data)
            expected += data
        elif action == 1 and data:
            owners.append(Owner())
            out.give(memoryview(data), owners[-1])
            expected += data
        elif action == 2:
            out.room(len(data) + 28)
            out.area[out.at : out.at + len(data)] = data
            out.at += len(data)
            expected += data
        else:
            sendable = b"".join(out.pieces())
            count = rng.randrange(len(sendable) + 1)
            got += sendable[:count]
            out.sent(count)
        assert out.pending == len(expected) - len(got)
    got += everything(out)
    assert got == expected
    assert all(owner.dropped == 1 for owner in owners)


@pytest.mark.parametrize(("used", "kept"), [(1000, True), (AREA // 2, False)])
def test_an_area_that_was_much_used_goes_back_to_the_pool(used: int, kept: bool) -> None:
    pool = Pool()
    out = Outbox(pool)
    for _ in range(3):
        out.append(b"x" * used)
        other = pool.empty(AREA)
        assert other.view.obj is not out.area.obj, "it was in use"
        other.drop()
        assert everything(out) == b"x" * used
        assert (out.at, len(out.area)) == (0, AREA if kept else 0)


def test_closing_drops_what_was_not_sent() -> None:
    pool = Pool()
    out = Outbox(pool)
    owner = Owner()
    out.append(b"head")
    out.give(memoryview(b"payload"), owner)
    out.append(b"tail")
    out.sent(6)
    out.close()
    assert (owner.dropped, out.pending) == (1, 0)
    out.close()
    assert owner.dropped == 1
