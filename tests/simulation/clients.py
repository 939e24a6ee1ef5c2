"""Clients of the mirror: each has one request at a time, and every answer is checked."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from mirrortui.device.buffers import Buffer
from mirrortui.units import SECTOR
from tests.simulation.checks import Checks
from tests.simulation.model import Write, WrongAnswerError, content
from tests.simulation.scene import Scene

_ATTEMPTS = 1000
"""To write what was lost: more than there are sectors, and some writes do not heal at once."""


@dataclass
class Client:
    """One request at a time."""

    busy: bool = False


class Clients:
    """All of them."""

    def __init__(self, scene: Scene, checks: Checks) -> None:
        self._scene = scene
        self._checks = checks
        self.all = [Client() for _ in range(scene.habits.clients)]

    def forget(self) -> None:
        """The process they talked to is gone."""
        for client in self.all:
            client.busy = False

    @property
    def busy(self) -> bool:
        """Some request has no answer yet."""
        return any(client.busy for client in self.all)

    def idle(self) -> list[Client]:
        """Those that could ask for something."""
        return [client for client in self.all if not client.busy]

    def request(self, client: Client) -> None:
        """Ask for something."""
        rng = self._scene.rng
        drawn = rng.random()
        if drawn < self._scene.habits.flushes:
            self._flush(client)
            return
        geometry = self._scene.habits.geometry
        data, unit = self._scene.sectors, geometry.unit
        first = min(rng.randrange(self._scene.habits.hot_spot), data - 1) // unit * unit
        count = min(-(-rng.choice([1, 1, 1, 2, 3, 5, 9]) // unit) * unit, data - first)
        if rng.random() < 0.02:
            first, count = 0, data
        drawn = rng.random()
        if drawn < 0.35:
            self.read(client, first, count)
        elif drawn < 0.42:
            self._zero(client, first, count)
        else:
            self._write(client, first, count)

    def read_everything(self) -> None:
        """All of the data, once."""
        client = Client()
        for first in range(0, self._scene.sectors, 8):
            self.read(client, first, 8)
            self._scene.until(lambda: not client.busy)

    def write_what_is_lost(self) -> None:
        """Put something where all copies have lost what was there."""
        client = Client()
        unit = self._scene.habits.geometry.unit
        for _ in range(_ATTEMPTS):
            if not (lost := self._checks.lost()):
                return
            self._write(client, min(lost) // unit * unit, unit)
            self._scene.until(lambda: not client.busy)
        raise WrongAnswerError(f"what is written to sector {min(lost)} still cannot be read")

    def _write(self, client: Client, first: int, count: int) -> None:
        scene = self._scene
        write = scene.model.issue(first, count, fua=scene.rng.random() < 0.1, zero=False)
        buffer = scene.pool.take(content(write.number) * count)
        length = count * SECTOR
        scene.scheduler.note(f"write {write.number} to {first}+{count}{' fua' if write.fua else ''}")
        before = self._writes_taken()
        if not write.fua and scene.running.try_write(first * SECTOR, buffer.view[:length]):
            scene.reached["inline writes"] += 1
            self._ended(client, write, 0, buffer)
            return
        if not write.fua and scene.rng.random() < scene.habits.leaving:
            self._left(write, torn=self._writes_taken() != before)
            buffer.drop()
            return
        client.busy = True
        scene.running.start_write(
            first * SECTOR, buffer, length, write.fua, lambda error: self._ended(client, write, error, buffer)
        )

    def _writes_taken(self) -> int:
        return sum(disk.medium.version for disk in self._scene.disks)

    def _left(self, write: Write, *, torn: bool) -> None:
        """The client's connection broke before it heard of its write: nobody does it again."""
        scene = self._scene
        scene.scheduler.note(f"write {write.number} is left{' half done' if torn else ''}")
        scene.reached["left in mid-write"] += torn
        if torn:
            scene.model.leave(write)
        else:
            scene.model.withdraw(write)

    def _zero(self, client: Client, first: int, count: int) -> None:
        scene = self._scene
        write = scene.model.issue(first, count, fua=scene.rng.random() < 0.2, zero=True)
        client.busy = True
        offset, length = first * SECTOR, count * SECTOR
        scene.scheduler.note(f"zero {first}+{count}")

        def done(error: int) -> None:
            self._ended(client, write, error, None)

        if scene.rng.random() < 0.5:
            scene.running.start_zero(offset, length, write.fua, scene.rng.random() < 0.5, done)
        else:
            scene.running.start_trim(offset, length, write.fua, done)

    def _ended(self, client: Client, write: Write, error: int, buffer: Buffer | None) -> None:
        scene = self._scene
        client.busy = False
        scene.scheduler.note(f"write {write.number} answered {error}")
        if error == errno.EPERM:
            self._refused(write, buffer)
            return
        if not error:
            self._checks.acknowledged()
            self._checks.left_behind()
        else:
            scene.reached["writes refused"] += 1
            if len(scene.running.array.in_sync()) == 1:
                scene.reached["last copy hit"] += 1
        scene.model.end(write, error)
        if buffer:
            if buffer.refs == 1:  # what is read from it from now on is nothing that a client wrote
                buffer.view[: buffer.size] = b"\xee" * buffer.size
            buffer.drop()

    def _refused(self, write: Write, buffer: Buffer | None) -> None:
        """The mirror is read-only: a write was never begun; of zeroes a part may have been written before."""
        self._scene.reached["refused: read-only"] += 1
        if write.number:
            self._scene.model.withdraw(write)
        else:
            self._scene.model.end(write, errno.EPERM)
        if buffer:
            buffer.drop()

    def read(self, client: Client, first: int, count: int) -> None:
        """Read, and check what comes."""
        scene = self._scene
        buffer = scene.pool.empty(count * SECTOR)
        length = count * SECTOR
        allowed, begun = scene.model.allowed(first, count), scene.model.tick()
        if scene.running.try_read(first * SECTOR, buffer.view[:length]):
            scene.model.check(first, bytes(buffer.view[:length]), allowed, begun)
            buffer.drop()
            return
        client.busy = True
        generation = self._generation()
        readable, decayed = self._is_readable(first, count), self._decayed(first, count)

        def done(error: int, buffer: Buffer) -> None:
            client.busy = False
            if error:
                scene.reached["reads refused"] += 1
                steady = decayed == self._decayed(first, count)
                if readable and steady and self._is_readable(first, count):
                    raise WrongAnswerError(f"{first}+{count} could be read and was refused: {error}")
            elif generation == self._generation():
                scene.model.check(first, bytes(buffer.view[:length]), allowed, begun)
            self._send(buffer, length)

        scene.running.start_read(first * SECTOR, buffer, length, done)

    def _send(self, buffer: Buffer, length: int) -> None:
        """What was read goes to the client, perhaps later: until then it is what it was."""
        scene = self._scene
        if not scene.habits.hedging:
            buffer.drop()
            return
        data = bytes(buffer.view[:length])

        def sent() -> None:
            if data != bytes(buffer.view[:length]):
                raise WrongAnswerError("what was read changed before it was sent")
            buffer.drop()

        scene.scheduler.call_later(scene.rng.expovariate(0.3), sent)

    def _is_readable(self, first: int, count: int) -> bool:
        """It may not be refused: every sector is good on some copy, and no disk fails."""
        rates = self._scene.scheduler.rates
        return (
            not rates.read_error
            and not rates.hang
            and self._checks.lost().isdisjoint(range(first, first + count))
        )

    def _decayed(self, first: int, count: int) -> int:
        return sum(self._scene.decayed[sector] for sector in range(first, first + count))

    def _generation(self) -> tuple[str, ...]:
        """Which copies are believed: a read across a change of these may have been answered by either."""
        return tuple(m.path for m in self._scene.running.array.in_sync())

    def _flush(self, client: Client) -> None:
        scene = self._scene
        client.busy = True
        covered = scene.model.begin_flush()
        scene.scheduler.note(f"flush of {len(covered)} writes")

        def done(error: int) -> None:
            client.busy = False
            scene.scheduler.note(f"flush answered {error}")
            if not error:
                self._checks.acknowledged()
                scene.model.end_flush(covered)

        scene.running.start_flush(done)
