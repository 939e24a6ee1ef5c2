"""Checks and repairs of one mirror: begun, paused, remembered in a small file, and gone on with after a restart."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from mirrortui.api import mirrors, requests, vocabulary
from mirrortui.api.vocabulary import SyncVerb
from mirrortui.device.base import Op
from mirrortui.errors import MirrortuiError, RefusedError, RequestError
from mirrortui.format.superblock import format_uuid
from mirrortui.log import logger
from mirrortui.mirror.checking.findings import Difference, Findings, with_winner
from mirrortui.mirror.executor import Operation, wait
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.syncing.copying import Run
from mirrortui.mirror.verbs import replacing
from mirrortui.worker.aside import Aside
from mirrortui.worker.loop import Loop
from mirrortui.worker.messages import LONGEST_LINE
from mirrortui.worker.small_file import replace_file
from mirrortui.worker.turns import Turns

KEPT = 8
"""Runs that are remembered."""
LONGEST_LOOK = 4096
"""Bytes of each copy that are shown at once."""
_LONGEST_LIST = LONGEST_LINE // 4
"""Bytes: paths may be long, an answer must fit a line."""
_REMEMBER_EVERY = 30.0
"""Seconds of a run that a crash may cost, at most."""


class _File(msgspec.Struct, kw_only=True):
    uuid: str
    runs: list[Findings]
    """The latest first."""


class Checks:
    """`path`: where the runs are remembered; None: nowhere."""

    def __init__(self, loop: Loop, mirror: Mirror, aside: Aside, path: Path | None) -> None:
        self._loop = loop
        self._mirror = mirror
        self._aside = aside
        self._path = path
        self._turns = Turns(loop.executor)
        self._uuid = format_uuid(mirror.array.uuid)
        self._runs = _read(path, self._uuid) if path else []
        if (last := self.last) and last.winner and last.ended is None:
            last.ended = (
                last.begun
            )  # a worker died in it: what it was to settle is listed, and it is not gone on with
        mirror.checker.ended = self._remember
        mirror.checker.findings = self._runs[0] if self._runs else None

    def resume(self) -> None:
        """Go on with a run that a stop or a crash interrupted."""
        if self._runs and self._runs[0].ended is None:
            try:
                self._mirror.checker.start(self._runs[0])
            except MirrortuiError as error:
                logger.info("%s is not gone on with: %s", self._runs[0].action, error)
            else:
                self._loop.call_later(_REMEMBER_EVERY, self._remember_often)

    def move(self, path: Path) -> None:
        """Remember them there from now on."""
        old, self._path = self._path, path
        with contextlib.suppress(OSError):
            if old:
                old.rename(path)

    def runs(self, *, ranges: bool) -> list[mirrors.CheckRun]:
        """The latest first; with `ranges`, those that the latest found."""
        return [_shown(run, _LONGEST_LIST if ranges and not at else 0) for at, run in enumerate(self._runs)]

    def check(self, verb: SyncVerb) -> Callable[[], None]:
        """What the verb will do. Raises RefusedError if it cannot be done now."""
        mirror, name = self._mirror, self._mirror.array.label
        sync, checker = mirror.sync, mirror.checker
        match verb:
            case "check" | "repair":
                checker.check_startable()
                return lambda: self._start(verb)
            case "pause":
                if sync.paused:
                    raise RefusedError(f"{name} is paused already.")
                if not (sync.running or checker.running):
                    raise RefusedError(f"{name} copies and checks nothing now: there is nothing to pause.")
                return lambda: self._pause(True)
            case "resume":
                if not sync.paused:
                    raise RefusedError(f"{name} is not paused.")
                return lambda: self._pause(False)
            case "cancel":
                if not checker.running and replacing.under_way(mirror.array):
                    return self._give_up_replacements
                if not checker.running:
                    hint = 'What is being copied ends when its member is failed: "mirrortui fail".'
                    raise RefusedError(
                        f"No check or repair runs on {name}.", hint=hint if sync.running else ""
                    )
                return self._cancel

    @property
    def last(self) -> Findings | None:
        """The run under way, else the last one."""
        return self._runs[0] if self._runs else None

    def settle(self, winner: str, chosen: list[Run]) -> None:
        """Begin a repair of these ranges with a winner. Raises RefusedError."""
        self._begin(with_winner(self.last, winner, chosen, self._loop.now()))

    def _start(self, action: vocabulary.CheckAction) -> None:
        self._begin(Findings(action, self._loop.now(), self._mirror.size))

    def _begin(self, run: Findings) -> None:
        self._mirror.checker.start(run)
        self._mirror.sync.paused = False
        self._runs = [run, *self._runs][:KEPT]
        self._remember_often()

    def _pause(self, paused: bool) -> None:
        self._mirror.sync.paused = paused
        name = self._mirror.array.label
        self._mirror.array.observer(
            "sync-paused" if paused else "sync-resumed",
            "info",
            f"{name}: nothing is copied or checked until it is resumed." if paused else f"{name} goes on.",
            None,
        )
        self._mirror.sync.kick()

    def _cancel(self) -> None:
        self._mirror.checker.cancel()
        self._mirror.sync.paused = False

    def _give_up_replacements(self) -> None:
        self._loop.executor.spawn(replacing.cancel(self._mirror))
        self._mirror.sync.paused = False

    def _remember_often(self) -> None:
        self._remember()
        if self._mirror.checker.running:
            self._loop.call_later(_REMEMBER_EVERY, self._remember_often)

    def _remember(self) -> None:
        if self._path:
            self._loop.executor.spawn(self._write_aside(self._path))

    async def _write_aside(self, path: Path) -> None:
        async with self._turns:
            content = self._content()
            await self._aside.run(lambda: replace_file(path, content))

    def remember_now(self) -> None:
        """The mirror has stopped."""
        if self._path and self._runs:
            replace_file(self._path, self._content())

    def _content(self) -> bytes:
        return msgspec.json.encode(_File(uuid=self._uuid, runs=self._runs))

    async def look(self, request: requests.LookRequest) -> mirrors.Look:
        """What each copy has at a place now. Raises RequestError for one that is not inside."""
        mirror, size = self._mirror, self._mirror.size
        page = max(512, mirror.block_size)
        lo = request.offset // page * page
        hi = min(size, -(-(request.offset + request.length) // page) * page)
        if not 0 <= request.offset < size or not 0 < request.length <= LONGEST_LOOK:
            raise RequestError(
                f"{request.length} bytes at {request.offset} cannot be shown: {mirror.array.label} has {size} bytes, "
                f"and at most {LONGEST_LOOK} are shown at once."
            )
        ticket = mirror.tickets.enter(lo, hi)
        try:
            await ticket
            members = mirror.array.in_sync()
            buffers = [mirror.pool.empty(hi - lo) for _ in members]
            results = await wait(
                Operation(m.device, Op.READ, m.data + lo, buffer, hi - lo)
                for m, buffer in zip(members, buffers, strict=True)
            )
        finally:
            mirror.tickets.leave(ticket)
        start, end = request.offset - lo, min(request.offset + request.length, size) - lo
        copies = []
        for member, buffer, result in zip(members, buffers, results, strict=True):
            data = bytes(buffer.view[start:end]) if result == hi - lo else None
            copies.append(mirrors.CopyOf(path=member.path, data=data))
            buffer.drop()
        return mirrors.Look(offset=request.offset, copies=copies)


def _shown(run: Findings, room: int) -> mirrors.CheckRun:
    """`room`: bytes that its ranges may take, encoded."""
    ranges = []
    for d in run.ranges:
        room -= 80 + sum(len(path) + 3 for path in (*d.odd, d.kept, d.left))
        if room < 0:
            break
        ranges.append(shown(d))
    return mirrors.CheckRun(
        action=run.action,
        begun=run.begun,
        ended=run.ended,
        complete=run.complete,
        size=run.size,
        position=run.position,
        differing=run.differing,
        repaired=run.repaired,
        unread=run.unread,
        ranges=ranges,
        winner=run.winner,
    )


def shown(d: Difference) -> mirrors.Difference:
    """As it is told."""
    return mirrors.Difference(offset=d.lo, length=d.hi - d.lo, odd=list(d.odd), kept=d.kept, left=d.left)


def _read(path: Path, uuid: str) -> list[Findings]:
    """What is remembered of this mirror; what cannot be understood is forgotten, as it costs nobody data."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        logger.warning("%s is not used: %s", path, error)
        return []
    return found.runs if found.uuid == uuid else []
