"""What an assembly would do: the same decision, on members that are only looked at, and put in words (I14)."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from msgspec.structs import replace

from mirrortui.api.answers import History, Plan
from mirrortui.api.requests import AssembleRequest
from mirrortui.device.base import Device, Extent, Loss, Op, Waiter
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.device.looks import look
from mirrortui.device.probe import Peek
from mirrortui.errors import MemberError
from mirrortui.format.superblock import seconds
from mirrortui.mirror.assembly.assemble import AssembleSpec, consider
from mirrortui.mirror.assembly.differences import amount
from mirrortui.mirror.assembly.diverged import Side
from mirrortui.mirror.assembly.rejoin import Rejoin
from mirrortui.mirror.assembly.salvage import loser_of
from mirrortui.mirror.assembly.verdict import Verdict
from mirrortui.mirror.executor import Operation, run_at_once
from mirrortui.mirror.notes import Departed

_CELLS = 256
"""Of a history's map."""


class _Glimpse:
    """A member that is read while it is asked for, and nothing else (device.base.Device)."""

    block_size = 1
    can_punch = False
    zombies = 0
    failed_late = False
    pwrite: Callable[[memoryview, int], int] | None = None
    pread: Callable[[memoryview, int], int] | None = None

    def __init__(self, peek: Peek) -> None:
        self.path, self.size, self.atom = peek.path, peek.size, peek.sector
        self._peek = peek

    def read(self, operation: Operation) -> int:
        assert operation.op is Op.READ
        assert operation.buffer
        try:
            data = look(self.path, lambda _: self._peek.read(operation.offset, operation.length))
        except MemberError:
            return -errno.EIO
        operation.buffer.view[: len(data)] = data
        return len(data)

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        raise NotImplementedError

    def extents(self, offset: int, length: int) -> list[Extent]:
        return [Extent(offset, length, hole=False)]

    def remeasure(self) -> None:
        """See Device: nothing comes of what is only looked at."""

    def lost(self) -> Loss | None:
        return None

    def past_cache(self, offset: int, length: int) -> Device:
        return self

    def close(self) -> None:
        self._peek.close()


def rehearse(
    request: AssembleRequest, *, uuid: str | None, partial: bool, departed: Sequence[Departed]
) -> Verdict:
    """The decision. Blocks on devices. `partial`: members that are gone are left out, as they come from memory;
    `departed`: who is known to have gone out.

    Raises what `mirror.assemble` raises; nothing was written.
    """
    spec = AssembleSpec(
        name=request.name,
        uuid=bytes.fromhex(uuid.replace(":", "")) if uuid else None,
        run=request.run,
        readonly=request.readonly,
        survivor=request.survivor,
        compare=request.compare,
        counts=request.counts,
        departed=departed,
        remembered=partial,
    )
    with ExitStack() as stack:
        glimpses: list[_Glimpse] = []
        for path in request.members:
            try:
                peek = look(path, lambda path: Peek(path, fresh=True), Peek.close)
                glimpses.append(_Glimpse(stack.enter_context(peek)))
            except MemberError:
                if not partial:
                    raise
        by_path = {glimpse.path: glimpse for glimpse in glimpses}
        verdict = run_at_once(
            consider(glimpses, spec, Pool()), lambda operation: by_path[operation.device.path].read(operation)
        )
    if request.save_loser:
        loser_of(verdict)  # raises if one file cannot keep it
    return verdict


def history(side: Side) -> History:
    """What one side of a split brain did since they parted."""
    sb = side.head.superblock
    changed = None if side.changed is None else amount(side.head, side.changed).bytes
    return History(
        members=[member.path for member in side.members],
        events=sb.events,
        written=seconds(sb.utime),
        changed=changed,
        map=side.cells(_CELLS),
    )


def tell(plan: Plan, verdict: Verdict, request: AssembleRequest) -> Plan:
    """The plan with what the decision means."""
    lost = verdict.rejoins
    copies = len({place.role for place in verdict.places} - {None})
    disks = verdict.freshest.superblock.raid_disks
    return replace(
        plan,
        copies="; ".join(_copies(verdict)) if not request.readonly else "nothing: it is started read-only",
        erases=[] if request.readonly else [_loss(rejoin) for rejoin in lost],
        meanwhile=plan.meanwhile
        + (f"; until the copy is done what counts is on {lost[0].kept}" if lost else ""),
        afterwards=f"{copies} of {disks} copies",
        confirm="name" if lost and not request.readonly else "none",
        counts=verdict.counts,
        notes=[*_notes(verdict, request)],
    )


def _copies(verdict: Verdict) -> Iterator[str]:
    due = [place for place in verdict.places if place.need and place.role is not None]
    for place in due:
        what = place.rejoin.what if place.rejoin else str(amount(verdict.freshest, place.need, verdict.chunk))
        source = f" from {place.rejoin.kept}" if place.rejoin else ""
        yield f"{what}{source} to {place.found.path}"
    if not due:
        yield "nothing: the copies are equal"


def _loss(rejoin: Rejoin) -> str:
    return f"What was written to {rejoin.lost} while it was used apart from {rejoin.kept}: {rejoin.loss}."


def _notes(verdict: Verdict, request: AssembleRequest) -> Iterator[str]:
    for rejoin in verdict.rejoins:
        yield f"{rejoin.evidence}."
        if rejoin.marked:
            yield f"Changed {rejoin.marked}."
        yield rejoin.certainty
    for left in verdict.left_out:
        yield f"{left.path} is left out: {left.why}."
    if request.survivor and not verdict.rejoins:
        yield "Nobody has diverged from the survivor: nothing is lost."
    if verdict.rejoins and not request.save_loser:
        yield "--save-loser FILE would first keep that in a new file."
    if request.save_loser and (loser := loser_of(verdict)):
        yield f"Before that, what only {loser.path} holds is kept in {request.save_loser}."
