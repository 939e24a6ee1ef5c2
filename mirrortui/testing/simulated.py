"""Disks and time that a seed controls: operations end in any order, fail, hang, land late; power goes at any of them.

Nothing here knows what a mirror is.
"""

from __future__ import annotations

import errno
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

from mirrortui.device.base import Device, Extent, Loss, Op, Waiter
from mirrortui.device.buffers import Buffer
from mirrortui.device.filters.crash import PowerCut
from mirrortui.testing.medium import Medium
from mirrortui.units import SECTOR


@dataclass
class Rates:
    """How often things happen, in this seed's world; chances from 0 to 1."""

    error: float = 0.0
    """A write or flush fails, perhaps after a partial effect."""
    read_error: float = 0.0
    hang: float = 0.0
    """An operation is only answered by its time-out, and lands later or never."""
    slow_metadata: float = 0.0
    """An operation on the metadata is passed over when the next completion is drawn."""


class Request:
    """A submitted operation."""

    __slots__ = ("buffer", "disk", "fua", "index", "length", "offset", "op", "seen", "waiter")

    def __init__(
        self,
        disk: SimDisk,
        op: Op,
        offset: int,
        buffer: Buffer | None,
        length: int,
        fua: bool,
        waiter: Waiter,
        index: int,
    ) -> None:
        self.disk = disk
        self.op = op
        self.offset = offset
        self.buffer = buffer
        self.length = length
        self.fua = fua
        self.waiter = waiter
        self.index = index
        self.seen = disk.medium.version

    @property
    def data(self) -> bytes:
        """What it writes: its buffer's bytes as they are now, or zeroes."""
        return bytes(self.length) if self.buffer is None else bytes(self.buffer.view[: self.length])

    @property
    def changes(self) -> bool:
        """It writes, data or zeroes."""
        return self.op in (Op.WRITE, Op.ZERO, Op.ZERO_KEEP)

    def __str__(self) -> str:
        fua = " fua" if self.fua else ""
        return f"{self.disk.path} {self.op.name} {self.offset // SECTOR}+{self.length // SECTOR}{fua}"


class Scheduler:
    """The world's order of events, drawn from one seed. Also the executor's Host."""

    TIMEOUT = 3.0

    def __init__(self, rng: random.Random, rates: Rates) -> None:
        self.rng = rng
        self.rates = rates
        # Of its own, so that it takes nothing from the world's.
        self._uuids = random.Random(rng.getstate()[1][0])
        self.time = 0.0
        self.step = 0
        self.operations = 0
        """Device operations since the last boot."""
        self.total = 0
        self.cut_at = -1
        """Device operation at which the power goes; -1: never."""
        self.cut_on_metadata = -1
        """Metadata write at which the power goes."""
        self.ready: list[Request] = []
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.trace: Callable[[str], None] | None = None
        self.hung: list[Request] = []
        """Operations that hang or timed out: they may still take effect."""
        self.landed = 0
        """Timed-out operations that landed later."""

    def uuid(self) -> bytes:
        """The next one of this seed."""
        return self._uuids.randbytes(16)

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self.time

    def now(self) -> float:
        """Virtual seconds since 1970."""
        return 1_000_000_000 + self.time

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Virtual timer."""
        self._count += 1
        heapq.heappush(self._timers, (self.time + seconds, self._count, callback))

    def note(self, what: str) -> None:
        """A line of the trace, if one is kept."""
        if self.trace:
            self.trace(f"{self.step:5d} {self.time:8.3f}  {what}")

    def power(self, metadata: bool) -> None:
        """Called before each device operation takes effect: is it this one?"""
        self.operations += 1
        self.total += 1
        if metadata:
            self.cut_on_metadata -= 1
        if self.operations == self.cut_at or (metadata and self.cut_on_metadata == 0):
            self.note("POWER CUT")
            raise PowerCut

    def forget(self) -> None:
        """Nothing is in flight any more, and nobody waits for the time."""
        self.ready.clear()
        self.hung.clear()
        self._timers.clear()

    def pass_time(self, seconds: float) -> None:
        """Let virtual time go by, and timers fire."""
        until = self.time + seconds
        while self._timers and self._timers[0][0] <= until:
            self.time, _, callback = heapq.heappop(self._timers)
            callback()
        self.time = until

    def jump(self) -> bool:
        """To the next timer. False: there is none."""
        if not self._timers:
            return False
        self.pass_time(max(0.0, self._timers[0][0] - self.time))
        return True

    def complete_one(self) -> None:
        """One of the operations in flight ends."""
        chosen = self.rng.randrange(len(self.ready))
        request = self.ready[chosen]
        if request.disk.is_metadata(request) and self.rng.random() < self.rates.slow_metadata:
            chosen = self.rng.randrange(len(self.ready))
            request = self.ready[chosen]
        if request.disk.slow and self.rng.random() < request.disk.slow:
            chosen = self.rng.randrange(len(self.ready))
            request = self.ready[chosen]
        self.ready[chosen] = self.ready[-1]
        self.ready.pop()
        request.disk.finish(request)


class SimDisk:
    """A Device (device.base) in memory that can lose power."""

    can_punch = True

    def __init__(
        self,
        path: str,
        sectors: int,
        data: range,
        scheduler: Scheduler,
        *,
        inline: bool = False,
        atom: int = SECTOR,
        block_size: int = 1,
    ) -> None:
        self.path = path
        self.size = sectors * SECTOR
        self.atom = atom
        self.block_size = block_size
        self.data = range(data.start * SECTOR, data.stop * SECTOR)
        """Bytes that clients write to, given in sectors; all others hold metadata."""
        self.scheduler = scheduler
        self.medium = Medium(self.size, atom, scheduler.rng, max(SECTOR, block_size))
        self.damage = self.medium.damage
        """Places that cannot be read or written."""
        self.unread: set[int] = set()
        """Places that somebody could not read, since the last power cut."""
        self.refused: set[int] = set()
        """Dead places that were written to since the last power cut."""
        self.zombies = 0
        self.failed_late = False
        self.pwrite: Callable[[memoryview, int], int] | None = None
        self.pread: Callable[[memoryview, int], int] | None = None
        if inline:
            self.pwrite, self.pread = self._pwrite, self._pread
        self.check_write: Callable[[SimDisk, int, int], None] = lambda disk, offset, length: None
        """Called before every write, with its place: is this disk still a member?"""
        self.failed = False
        """Some operation on it failed or timed out since the last power cut."""
        self.loss: Loss | None = None
        """What became of it beneath the mirror."""
        self.faults = False
        """Whether this disk can fail at all now."""
        self.slow = 0.0
        """Chance that its operation is passed over when the next completion is drawn."""

    @property
    def current(self) -> bytearray:
        """What is read now."""
        return self.medium.current

    def is_metadata(self, request: Request) -> bool:
        """It writes outside the data."""
        return request.op is Op.WRITE and request.offset not in self.data

    # The two doors of a device.

    def _pwrite(self, data: memoryview, offset: int) -> int:
        self.check_write(self, offset, len(data))
        self.scheduler.power(False)
        if self.scheduler.trace:
            self.scheduler.note(f"{self.path} inline write {offset // SECTOR}+{len(data) // SECTOR}")
        if self._strikes(self.scheduler.rates.error):
            self.medium.write(offset, bytes(data), partial=True)
            raise OSError(errno.EIO, "simulated")
        if not self._write(offset, bytes(data), durable=False):
            raise OSError(errno.EIO, "simulated")
        return len(data)

    def _write(self, offset: int, data: bytes, *, durable: bool) -> bool:
        """Take what the medium takes. False: some of it is dead."""
        dead = self.damage.refuses(offset, len(data))
        if not dead:
            self.medium.write(offset, data, durable=durable)
            return True
        self.refused |= dead
        for place in self.damage.blocks(offset, len(data)):
            if place not in dead:
                part = data[max(0, place - offset) : place + self.damage.block - offset]
                self.medium.write(max(place, offset), part, durable=durable)
        return False

    def _is_lost(self, offset: int, length: int) -> bool:
        """Something there cannot be read."""
        if not self.damage.hides(offset, length):
            return False
        self.unread.update(self.damage.unreadable.intersection(self.damage.blocks(offset, length)))
        return True

    def _pread(self, into: memoryview, offset: int) -> int:
        if self.scheduler.rng.random() < 0.2:
            return -1
        if self._is_lost(offset, len(into)):
            raise OSError(errno.EIO, "simulated")
        into[:] = self.current[offset : offset + len(into)]
        return len(into)

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """Queue it; the scheduler says when it ends, and how."""
        request = Request(self, op, offset, buffer, length, fua, waiter, index)
        self._check_units(request)
        if request.changes:
            self.check_write(self, offset, length)
        self.scheduler.power(self.is_metadata(request))
        if self._strikes(self.scheduler.rates.hang):
            self._hang(request)
        else:
            self.scheduler.ready.append(request)

    def _check_units(self, request: Request) -> None:
        """What every Device may ask of its caller."""
        unit = max(self.atom, self.block_size) if self.is_metadata(request) else self.block_size
        if request.offset % unit or request.length % unit:
            raise AssertionError(f"{request}: not in whole units of {unit} bytes")

    def finish(self, request: Request) -> None:
        """The request takes effect and is answered."""
        scheduler = self.scheduler
        scheduler.power(self.is_metadata(request))
        rate = scheduler.rates.read_error if request.op is Op.READ else scheduler.rates.error
        if self._strikes(rate):
            if request.changes:
                self.medium.write(request.offset, request.data, partial=True)
            scheduler.note(f"{request}: EIO")
            request.waiter.complete(request.index, -errno.EIO)
            return
        if not self.take_effect(request):
            scheduler.note(f"{request}: bad medium")
            request.waiter.complete(request.index, -errno.EIO)
            return
        if scheduler.trace:
            scheduler.note(str(request))
        done = request.length if request.op in (Op.READ, Op.WRITE) else 0
        request.waiter.complete(request.index, done)

    def take_effect(self, request: Request) -> bool:
        """The request does what it is for. False: the medium is bad there."""
        if request.op is Op.READ:
            if self._is_lost(request.offset, request.length):
                return False
            assert request.buffer is not None
            end = request.offset + request.length
            request.buffer.view[: request.length] = self.current[request.offset : end]
        elif request.op is Op.FLUSH:
            self.medium.flush(request.seen)
        else:
            return self._write(request.offset, request.data, durable=request.fua)
        return True

    def extents(self, offset: int, length: int) -> list[Extent]:
        """Holes are sectors of zeroes."""
        found: list[Extent] = []
        for at in range(offset, offset + length, SECTOR):
            hole = not any(self.current[at : at + SECTOR])
            if found and found[-1].hole == hole:
                found[-1] = Extent(found[-1].offset, found[-1].length + SECTOR, hole)
            else:
                found.append(Extent(at, SECTOR, hole))
        return found

    def remeasure(self) -> None:
        """See Device."""
        self.size = len(self.current)

    def lost(self) -> Loss | None:
        """See Device."""
        return self.loss

    def past_cache(self, offset: int, length: int) -> Device:
        """See Device: nothing is cached here."""
        return self

    def close(self) -> None:
        """Nothing to give back."""

    # What goes wrong.

    def _strikes(self, rate: float) -> bool:
        if rate and self.faults and self.scheduler.rng.random() < rate:
            self.failed = True
            return True
        return False

    def _hang(self, request: Request) -> None:
        scheduler, buffer = self.scheduler, request.buffer
        scheduler.note(f"{request}: hangs")
        scheduler.hung.append(request)

        def land() -> None:
            scheduler.note(f"{request}: lands late")
            scheduler.landed += 1
            scheduler.hung.remove(request)
            if not self.take_effect(request):
                self.failed_late |= request.fua or request.op is Op.FLUSH
            self.zombies -= 1
            if buffer:
                buffer.drop()

        def expire() -> None:
            scheduler.note(f"{request}: times out")
            self.zombies += 1
            if buffer:
                buffer.hold()
            if scheduler.rng.random() < 0.8:
                scheduler.call_later(scheduler.rng.expovariate(0.3), land)
            request.waiter.complete(request.index, -errno.ETIMEDOUT)

        scheduler.call_later(scheduler.TIMEOUT, expire)

    def lose_power(self, in_flight: list[Request]) -> None:
        """What is in flight, and what was not flushed, may be there afterwards or not."""
        self.medium.lose_power((r.offset, r.data) for r in in_flight if r.disk is self and r.changes)
        self.zombies = 0
        self.failed_late = False
        self.failed = False
        self.refused.clear()
        self.unread.clear()
