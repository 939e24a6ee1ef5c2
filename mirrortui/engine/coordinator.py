"""Tells the workers whose turn it is, every second. They go by themselves when nobody does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable

from mirrortui.api.mirrors import Mirror
from mirrortui.device.looks import look
from mirrortui.device.physical import disks
from mirrortui.engine.queue import Wish, turns
from mirrortui.engine.state import State
from mirrortui.engine.ward import Ward
from mirrortui.errors import MemberError, MirrortuiError
from mirrortui.log import logger
from mirrortui.worker.messages import Turn

EVERY = 1.0
"""Seconds: much less than a worker waits for the next word (mirror.courtesy.SILENCE)."""


class Coordinator:
    """Used by the engine's loop."""

    def __init__(
        self,
        state: State,
        wards: Callable[[], Iterable[Ward]],
        theirs: Callable[[], Awaitable[list[Mirror]]],
    ) -> None:
        """`theirs`: mirrors that the kernel runs."""
        self._state = state
        self._wards = wards
        self._theirs = theirs
        self._seen: dict[str, float] = {}
        self._limited: set[str] = set()
        """Those that were told a speed."""

    async def run(self) -> None:
        """The task; ends when it is cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self._round()
            except Exception:  # another round comes; workers that hear nothing go on by themselves
                logger.exception("the syncs could not be told whose turn it is")

    async def _round(self) -> None:
        running = {ward.name: ward for ward in self._wards() if ward.link}
        speed = self._state.speed
        self._limited &= running.keys()
        theirs = await self._theirs() if running else []
        if len(running) + len(theirs) < 2 and not (self._limited or speed.min or speed.max):
            return  # nobody waits for anybody
        mirrors = await asyncio.gather(*(ward.status() for ward in running.values())) + theirs
        busy = [mirror for mirror in mirrors if mirror.sync_action != "idle" and not mirror.paused]
        now = time.monotonic()
        self._seen = {mirror.name: self._seen.get(mirror.name, now) for mirror in busy}
        wishes = await asyncio.to_thread(lambda: [self._wish(mirror) for mirror in busy])
        told = turns(wishes, speed)
        if self._limited or speed.min or speed.max:  # who begins before the next round, too
            told = dict.fromkeys(running, Turn(least=speed.min, most=speed.max)) | told
        await asyncio.gather(*(self._tell(running[name], turn) for name, turn in told.items()))

    def _wish(self, mirror: Mirror) -> Wish:
        """Blocks on the members' file systems."""
        found: dict[int, str] = {}
        for member in mirror.members:
            if member.size:
                with contextlib.suppress(MemberError):  # one that does not answer holds nobody up
                    found |= look(member.path, disks)
        return Wish(
            name=mirror.name,
            copies=mirror.sync_action in ("resync", "recover"),
            queued=bool(mirror.sync and mirror.sync.queued),
            since=self._seen[mirror.name],
            disks=found,
            kernel=mirror.driver == "kernel",
        )

    async def _tell(self, ward: Ward, turn: Turn) -> None:
        with contextlib.suppress(MirrortuiError):
            await ward.take_turn(turn)
            (self._limited.add if turn.least or turn.most else self._limited.discard)(ward.name)
