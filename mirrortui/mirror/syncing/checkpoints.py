"""How far members are filled, recorded on disk now and then: a restart goes on from there."""

from __future__ import annotations

from mirrortui.device.base import Op
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.executor import Host, Operation, wait
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.reasons import reason
from mirrortui.mirror.syncing.progress import Progress


class Checkpoints:
    """Of one sync after the other."""

    def __init__(self, host: Host, array: Array, scribe: Scribe, progress: Progress, every: float) -> None:
        """`every`: seconds, if a sixteenth of the array was not done before."""
        self._host = host
        self._array = array
        self._scribe = scribe
        self._progress = progress
        self._every = every
        self._at = 0.0
        self._moved = 0

    def begin(self) -> None:
        """A sync begins."""
        self._at, self._moved = self._host.monotonic(), 0

    async def keep(self) -> None:
        """Record it, if it is time: what was copied so far must be durable first."""
        now = self._host.monotonic()
        filling = [m for m in self._array.members if m.state is State.RECOVERING]
        done = self._progress.moved - self._moved
        late = now - self._at >= self._every
        if not filling or not (late or done * 16 >= self._array.size):
            return
        self._at, self._moved = now, self._progress.moved
        marks = [(m, self._mark(m)) for m in filling]
        results = await wait(Operation(m.device, Op.FLUSH) for m in filling)
        for (member, mark), result in zip(marks, results, strict=True):
            if result:
                self._scribe.fault(member, f"flush error while it was filled: {reason(result)}")
            elif member.state is State.RECOVERING:
                member.recovered = max(member.recovered, min(mark, self._mark(member)))
        self._scribe.want()

    def _mark(self, member: Member) -> int:
        """Bytes below which the member needs nothing."""
        lowest = member.need.next(0)
        return self._array.size if lowest < 0 else lowest << self._array.chunk_shift
