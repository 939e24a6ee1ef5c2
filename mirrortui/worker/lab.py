"""The fault lab: what can happen to a disk, done to a member on purpose, to see what the mirror makes of it.

Only for mirrors that were started with it: filters stand before their members, and nothing is written inline then.
"""

from __future__ import annotations

import os
import random
from errno import ENODEV

from mirrortui.api.vocabulary import Mishap
from mirrortui.device.base import Device, Op
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.device.filters.delay import DelayFilter
from mirrortui.device.filters.fault import Fault, FaultFilter
from mirrortui.device.filters.passing import CallLater
from mirrortui.device.filters.sectors import BadSectorFilter
from mirrortui.errors import MemberError, RefusedError
from mirrortui.mirror.array import Member
from mirrortui.mirror.executor import Operation, wait
from mirrortui.mirror.mirror import Mirror

SLOW = 0.05
"""Seconds that every operation of a slow member takes longer."""
PLACES = 8
"""Sectors that go bad, or rot, at once."""
_SECTOR = 4096
_SENTENCES: dict[Mishap, str] = {
    "pull": "In the fault lab, {} was pulled.",
    "slow": f"In the fault lab, {{}} became slow: {SLOW * 1000:.0f} ms more for each operation.",
    "hang": "In the fault lab, {} hangs: it answers nothing.",
    "bad-sectors": "In the fault lab, some sectors of {} became unreadable.",
    "mend": "In the fault lab, {} was mended.",
}
_FOREVER = 1 << 62


class Bench:
    """One member's filters. What is wrong with it stays wrong until it is mended."""

    def __init__(self, device: Device, call_later: CallLater, timeout: float) -> None:
        self._delay = DelayFilter(device, 0.0, call_later)
        self._sectors = BadSectorFilter(self._delay, call_later)
        self.device = FaultFilter(self._sectors, (), call_later, timeout)
        """What the mirror has for its member."""

    def suffer(self, mishap: Mishap, member: Member | None) -> None:
        """It happens now."""
        self.device.clear()
        match mishap:
            case "pull":
                self.device.add(Fault(ENODEV, times=_FOREVER))
            case "hang":
                self.device.add(Fault("hang", times=_FOREVER))
            case "slow":
                self._delay.seconds = SLOW
            case "bad-sectors" if member:
                self._sectors.places |= set(_with_data(member))
            case _:
                self._delay.seconds = 0.0
                self._sectors.places = set()
                self.device.let_go()


class Lab:
    """What was done to whom, by path; also to members that are out, and come back to it."""

    def __init__(self, call_later: CallLater, timeout: float) -> None:
        self._call_later = call_later
        self._timeout = timeout
        self._benches: dict[str, Bench] = {}
        self.mishaps: dict[str, Mishap] = {}
        """What is wrong with each member."""

    def check_plugged(self, path: str) -> None:
        """Raises MemberError for a member that was pulled."""
        if self.mishaps.get(os.path.realpath(path)) == "pull":
            raise MemberError(
                f"{path} was pulled in the fault lab.",
                hint=f"Plug it in again: mirrortui lab NAME mend {path}",
            )

    def wrap(self, device: Device) -> Device:
        """The device behind filters, with what is wrong with its path already."""
        path = os.path.realpath(device.path)
        bench = self._benches[path] = Bench(device, self._call_later, self._timeout)
        if (mishap := self.mishaps.get(path)) and mishap != "bad-sectors":
            bench.suffer(mishap, None)
        return bench.device

    async def suffer(self, path: str, mishap: Mishap, mirror: Mirror) -> str:
        """It happens to a member; what did, in a sentence. Raises RefusedError for what cannot happen to it."""
        member = mirror.array.find(path)
        if mishap in ("bad-sectors", "rot") and (member is None or not member.active):
            raise RefusedError(f"{path} is out of {mirror.array.label}: nobody would notice.")
        if mishap == "rot" and member:
            done = await rot(member, mirror.array.size, mirror.pool)
            return f"In the fault lab, a bit flipped in {done} places of {path}. Only a check can find them."
        real = os.path.realpath(path)
        self.mishaps[real] = mishap
        if mishap == "mend":
            del self.mishaps[real]
        if bench := self._benches.get(real):
            bench.suffer(mishap, member)
        return _SENTENCES[mishap].format(path)


async def rot(member: Member, size: int, pool: Pool) -> int:
    """Flip a bit in some places of a member's data, behind the mirror's back; how many. `size`: bytes of the mirror."""
    done = 0
    for _ in range(PLACES):
        at = member.data + random.randrange(size // _SECTOR) * _SECTOR
        buffer = pool.empty(_SECTOR)
        if await _whole(member.device, Op.READ, at, buffer):
            buffer.view[random.randrange(_SECTOR)] ^= 1 << random.randrange(8)
            done += await _whole(member.device, Op.WRITE, at, buffer)
        buffer.drop()
    return done


async def _whole(device: Device, op: Op, at: int, buffer: Buffer) -> bool:
    (result,) = await wait([Operation(device, op, at, buffer, _SECTOR)])
    return result == _SECTOR


def _with_data(member: Member) -> list[tuple[int, int]]:
    """Some sectors where something was written, if the device can tell: those will be read."""
    device, start = member.device, member.data
    found = [e for e in device.extents(start, device.size - start) if not e.hole and e.length >= _SECTOR]
    places = []
    for _ in range(PLACES if found else 0):
        extent = random.choice(found)
        at = extent.offset + random.randrange(extent.length // _SECTOR) * _SECTOR
        places.append((at, at + _SECTOR))
    return places
