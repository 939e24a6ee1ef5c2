"""Bad ranges finer than a page of a member behind the page cache: what goes past the cache and what goes through it
never meet in a page. The kernel would call one of them failed, or write an old page over a new sector.
"""

from __future__ import annotations

import random
from typing import cast

import pytest

from mirrortui.device.base import Device, Op, Waiter
from mirrortui.device.buffers import Buffer
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, MIB, SECTOR
from tests.stage import METADATA, Stage
from tests.unit.test_mirror_bad_blocks import START, listed, make_bad

PAGE = 4096


class Cached(SimDisk):
    """Notes which way each write goes, as long as it is under way."""

    def __init__(self, stage: Stage, name: str) -> None:
        sectors = 4 * MIB // SECTOR
        super().__init__(name, sectors, range(METADATA, sectors), stage.scheduler)
        self.under_way: list[tuple[str, range]] = []
        self.went_past = 0

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        self.go("through", op, offset, buffer, length, fua, waiter, index)

    def go(
        self,
        way: str,
        op: Op,
        offset: int,
        buffer: Buffer | None,
        length: int,
        fua: bool,
        waiter: Waiter,
        index: int,
    ) -> None:
        if op is Op.WRITE and offset in self.data:
            pages = range(offset // PAGE, -(-(offset + length) // PAGE))
            waiter = Noted(self, (way, pages), waiter)
        super().submit(op, offset, buffer, length, fua, waiter, index)

    def past_cache(self, offset: int, length: int) -> Device:
        return cast(Device, Past(self))


class Past:
    """The way past the cache."""

    def __init__(self, disk: Cached) -> None:
        self._disk = disk

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        self._disk.went_past += op is Op.WRITE
        self._disk.go("past", op, offset, buffer, length, fua, waiter, index)


class Noted:
    """A write under way: no other one in its pages goes the other way."""

    def __init__(self, disk: Cached, what: tuple[str, range], waiter: Waiter) -> None:
        self._disk, self._what, self._waiter = disk, what, waiter
        for way, pages in disk.under_way:
            if way != what[0]:
                assert not set(pages) & set(what[1]), f"{disk.path}: both ways in one page"
        disk.under_way.append(what)

    def complete(self, index: int, result: int) -> None:
        self._disk.under_way.remove(self._what)
        self._waiter.complete(index, result)


@pytest.mark.parametrize("alone", [False, True], ids=["two copies", "the last copy"])
@pytest.mark.parametrize("seed", range(6))
def test_the_two_ways_to_the_medium_never_meet_in_a_page(seed: int, alone: bool) -> None:
    rng = random.Random(seed)
    stage = Stage()
    stage.scheduler.rng.seed(seed)
    disks = [Cached(stage, name) for name in "ab"]
    mirror = stage.create(disks, chunk=64 * KIB)
    held = bytearray(rng.randbytes(64 * KIB))
    assert stage.write(mirror, 0, bytes(held)) == 0
    stage.run(manage.stop(mirror))
    sectors = rng.sample(range(128), 24)
    make_bad(disks[0], *((at * SECTOR, (at + 1) * SECTOR) for at in sorted(sectors)))
    mirror = stage.assemble([disks[0]] if alone else disks, run=alone)
    answers: list[int] = []
    for _ in range(60):  # apart in bytes, often in one page, and all at once
        lo = rng.randrange(128) * SECTOR
        data = rng.randbytes(min(rng.choice([SECTOR, SECTOR, 3 * SECTOR, PAGE, 2 * PAGE]), len(held) - lo))
        held[lo : lo + len(data)] = data
        buffer = stage.pool.take(data)
        mirror.start_write(lo, buffer, len(data), False, answers.append)
        if rng.random() < 0.2:
            stage.executor.drain()
    stage.until(lambda: len(answers) == 60)
    assert not any(answers)
    assert disks[0].went_past > 0
    if not alone:
        stage.until(lambda: not mirror.sync.running and not listed(disks[0]))
        assert disks[1].current[START : START + len(held)] == held
    bad = {
        n
        for part in listed(disks[0])
        for n in range(part.sector - METADATA, part.sector + part.length - METADATA)
    }
    for at in set(range(128)) - bad:
        place = START + at * SECTOR
        assert disks[0].current[place : place + SECTOR] == held[at * SECTOR : (at + 1) * SECTOR]
