"""Members that answer much more slowly than the others sit out of reads, and come back by themselves.

They take every write all the same. Whoever sits out is asked for one block at every look, on nobody's behalf.
"""

from __future__ import annotations

from collections import deque

from mirrortui.device.base import Op
from mirrortui.device.buffers import Pool
from mirrortui.format.superblock import WRITE_MOSTLY
from mirrortui.mirror.array import Array, Member
from mirrortui.mirror.executor import Executor, Host, Operation, wait
from mirrortui.units import format_latency

FACTOR = 4
"""Times as slow as the fastest other one."""
FLOOR = 0.005
"""Seconds: who is faster than this is fast enough."""
PATIENCE = 3
"""Looks in a row that must agree."""
_ENOUGH = 8
"""Reads that make an average worth looking at."""
_PROBE = 4096


class Standing:
    """What was seen of one member."""

    def __init__(self) -> None:
        self.agreed = 0
        self.reads = 0
        self.probing = False
        self.probes: deque[float] = deque(maxlen=PATIENCE)


class Laggards:
    """Whoever runs the mirror calls `look` about once a second."""

    def __init__(self, executor: Executor, host: Host, array: Array, pool: Pool) -> None:
        self._executor = executor
        self._host = host
        self._array = array
        self._pool = pool
        self._standings: dict[Member, Standing] = {}

    def look(self) -> None:
        """Compare the members by what their reads took since the last look."""
        copies = [m for m in self._array.in_sync() if not m.devflags & WRITE_MOSTLY]
        self._standings = {m: self._standings.get(m, Standing()) for m in copies}
        for member, standing in self._standings.items():
            if member.lags:
                self._look_at_laggard(member, standing)
            else:
                self._look_at(member, standing)

    def _look_at(self, member: Member, standing: Standing) -> None:
        fresh, standing.reads = member.timing.reads - standing.reads, member.timing.reads
        fastest = self._fastest_other(member)
        took = member.timing.read
        if fresh < _ENOUGH or took is None or fastest is None:
            return
        standing.agreed = standing.agreed + 1 if took > max(FLOOR, FACTOR * fastest) else 0
        if standing.agreed < PATIENCE:
            return
        self._set(member, True)
        text = (
            f"{member.path} takes {format_latency(took)} to read, others {format_latency(fastest)}: "
            f"{self._array.label} does not read from it while that lasts."
        )
        self._array.observer("member-slow", "warning", text, member.path)

    def _look_at_laggard(self, member: Member, standing: Standing) -> None:
        fastest = self._fastest_other(member)
        bound = max(FLOOR, FACTOR / 2 * (fastest or 0.0))
        enough = len(standing.probes) == PATIENCE and max(standing.probes) < bound
        if enough or len(self._standings) < 2:
            self._set(member, False)
            text = f"{member.path} is as fast as the others again: {self._array.label} reads from it."
            self._array.observer("member-fast-again", "good", text, member.path)
        elif not standing.probing:
            standing.probing = True
            self._executor.spawn(self._probe(member, standing))

    def _fastest_other(self, member: Member) -> float | None:
        others = [m.timing.read for m in self._standings if m is not member and not m.lags]
        return min((took for took in others if took is not None), default=None)

    def _set(self, member: Member, lags: bool) -> None:
        member.lags = lags
        member.timing.forget_reads()
        self._standings[member] = Standing()
        self._array.changed()

    async def _probe(self, member: Member, standing: Standing) -> None:
        """One read past the page cache. An error is no news: clients' requests find it out."""
        length = max(_PROBE, member.device.block_size)
        offset = -(-member.data // length) * length
        device = member.device.past_cache(offset, length)
        buffer = self._pool.empty(length)
        begun = self._host.monotonic()
        (result,) = await wait([Operation(device, Op.READ, offset, buffer, length)])
        buffer.drop()
        standing.probing = False
        took = self._host.monotonic() - begun
        standing.probes.append(took if result == length else float("inf"))
