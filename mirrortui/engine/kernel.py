"""The kernel's RAID-1 arrays beside our own mirrors: one lookout for all of them, and a keeper for each."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from msgspec.structs import replace

from mirrortui.api.answers import BadBlocks, Plan
from mirrortui.api.consent import refusal, require
from mirrortui.api.mirrors import CheckRun, Look, Mirror
from mirrortui.api.requests import (
    BadBlocksRequest,
    ExportRequest,
    ImpactRequest,
    LookRequest,
    MemberRequest,
    ReplaceRequest,
    SpeedRequest,
    StopRequest,
    SyncRequest,
)
from mirrortui.api.vocabulary import SyncVerb, Verb
from mirrortui.clock import Clock
from mirrortui.engine.beside import beside
from mirrortui.engine.journal import Journal
from mirrortui.errors import ChangedError, MemberError, MirrortuiError, NotFoundError, RefusedError
from mirrortui.kernel import plans, verbs
from mirrortui.kernel.badblocks import bad_blocks
from mirrortui.kernel.describe import describe
from mirrortui.kernel.hand import Hand
from mirrortui.kernel.lookout import Lookout, Seen
from mirrortui.kernel.sysfs import Sysfs
from mirrortui.kernel.verbs import Prepared

LOOKS_WITHIN = 3.0
"""Seconds; where a look takes longer, what was seen last is shown, and that it is old."""
ACTS_WITHIN = 120.0
"""Seconds for a verb."""


class KernelArrays:
    """All of them. Used by the engine's loop."""

    def __init__(
        self, journal: Journal, clock: Clock, sysfs: Sysfs | None = None, hand: Hand | None = None
    ) -> None:
        self.sysfs = sysfs or Sysfs()
        self.hand = hand or Hand()
        self.journal = journal
        self.is_taken: Callable[[str, str], bool] = lambda name, uuid: False
        """Whether a name is somebody else's than the mirror's of that UUID."""
        self._clock = clock
        self._lookout = Lookout(self.sysfs, clock)
        self._keepers: dict[str, Keeper] = {}
        self._look: asyncio.Future[list[Seen]] | None = None
        self._looked_at = clock.monotonic()

    async def all(self) -> list[Keeper]:
        """Those that there are now."""
        try:
            await self.look()
        except TimeoutError:
            age = self._clock.monotonic() - self._looked_at
            for keeper in self._keepers.values():
                keeper.stale = f"The kernel has not answered for {age:.0f} s; this is what it said then."
        return list(self._keepers.values())

    async def mirrors(self) -> list[Mirror]:
        """How they are now."""
        return [await keeper.status() for keeper in await self.all()]

    async def find(self, name: str) -> Keeper | None:
        """One by its name or its device."""
        keepers = await self.all()
        exact = (keeper for keeper in keepers if name == keeper.name)
        return next(exact, None) or next((k for k in keepers if name == k.seen.array.device), None)

    async def by_uuid(self, uuid: str) -> Keeper | None:
        """The one that holds this mirror."""
        return next((keeper for keeper in await self.all() if keeper.seen.uuid == uuid), None)

    async def look(self, closely: str = "") -> None:
        """See how they are. Raises TimeoutError where the kernel or a disk does not answer."""
        while self._look is not None:  # one at a time: whoever comes meanwhile is content with its result
            await asyncio.wait_for(asyncio.shield(self._look), LOOKS_WITHIN)
            if not closely:
                return
        self._look = beside(lambda: self._lookout.look(closely))
        self._look.add_done_callback(self._looked)
        await asyncio.wait_for(asyncio.shield(self._look), LOOKS_WITHIN)

    def _looked(self, look: asyncio.Future[list[Seen]]) -> None:
        self._look = None
        if look.cancelled() or look.exception():
            return
        self._looked_at = self._clock.monotonic()
        found = {seen.array.device: self._named_apart(seen) for seen in look.result()}
        for device in self._keepers.keys() - found.keys():
            del self._keepers[device]
        for device, seen in found.items():
            known = self._keepers.get(device)
            if known and known.seen.uuid == seen.uuid:
                known.take(seen)
            else:
                self._keepers[device] = Keeper(self, seen)

    def _named_apart(self, seen: Seen) -> Seen:
        """By its device where the name is another mirror's."""
        taken = self.is_taken(seen.name, seen.uuid)
        return dataclasses.replace(seen, name=seen.array.device) if taken else seen


@dataclass
class Keeper:
    """One array. Verbs come one at a time; `status` at any time."""

    arrays: KernelArrays
    seen: Seen
    stale: str = ""
    """Why what is shown is old."""
    _paused: SyncVerb | None = None
    _found_before: int = 0
    """Bytes that differed before a check was paused; md counts from 0 when it is resumed."""
    _standing: Hashable = None
    revision: int = 0
    """What plans carry as the events count: md's, or more."""
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by a verb while it runs."""

    def __post_init__(self) -> None:
        self.take(self.seen)

    @property
    def name(self) -> str:
        """The mirror's."""
        return self.seen.name

    def take(self, seen: Seen) -> None:
        """It was looked at."""
        self.seen = seen
        self.stale = ""
        superblock = seen.metadata.superblock
        events = superblock.events if superblock else 0
        standing = _standing(seen)
        if standing != self._standing:
            # md's count goes down by one when an array falls idle; a change of the members always shows here.
            self.revision = max(events, self.revision + 1)
            self._standing = standing

    async def status(self) -> Mirror:
        """As it was seen last."""
        mirror = describe(self.seen, found_before=self._found_before)
        return replace(mirror, why=f"{self.stale} {mirror.why}".rstrip()) if self.stale else mirror

    async def change(self, verb: Verb, request: MemberRequest) -> Mirror | Plan:
        """fail, remove, add or re-add, or the plan of it."""
        return await self._run(
            verb,
            request,
            lambda: verbs.change(self.seen, verb, request, self.arrays.hand),
            request.member,
        )

    async def replace_member(self, request: ReplaceRequest) -> Mirror | Plan:
        """replace, or the plan of it."""
        return await self._run(
            "replace", request, lambda: verbs.replace(self.seen, request, self.arrays.hand), request.member
        )

    async def sync(self, request: SyncRequest) -> Mirror | Plan:
        """check, repair, pause, resume or cancel, or the plan of it."""
        ran = "idle"

        def prepare() -> Prepared:
            nonlocal ran
            ran = self.seen.array.action
            return verbs.sync(self.seen, request, self.arrays.hand, self._paused)

        answer = await self._run(request.action, request, prepare)
        if isinstance(answer, Mirror):
            self._remember(request.action, ran)
            return await self.status()
        return answer

    def _remember(self, verb: SyncVerb, ran: str) -> None:
        """What md forgets of a check that is paused: that it was one, and what it had found."""
        match verb, ran:
            case "pause", "check" | "repair":
                self._paused = "check" if ran == "check" else "repair"
                self._found_before += self.seen.array.mismatches
            case "check" | "repair", _:
                self._found_before = 0
            case _:
                self._paused = None

    async def mismatches(self) -> list[CheckRun]:
        """Raises RefusedError: md only counts."""
        raise self._only_counted()

    async def look(self, request: LookRequest) -> Look:
        """Raises RefusedError: the members are the kernel's."""
        raise self._only_counted()

    def _only_counted(self) -> RefusedError:
        return RefusedError(
            f"The kernel runs {self.name}, and only counts what differs; it does not say where.",
            hint=f'"mirrortui takeover {self.seen.array.path}", then a check, lists the places.',
        )

    async def set_speed(self, request: SpeedRequest) -> Mirror:
        """How fast it copies and checks from now on."""
        async with self.alone:
            await self._act(lambda: verbs.set_speed(self.seen, request, self.arrays.hand))
        return await self.status()

    async def set_impact(self, request: ImpactRequest) -> Mirror:
        """Raises RefusedError: md has speeds only."""
        raise RefusedError(
            f"The kernel runs {self.name} and knows no impact.",
            hint=f'"mirrortui sync {self.name} speed MIN MAX" sets how fast it goes.',
        )

    async def bad_blocks(self, request: BadBlocksRequest) -> BadBlocks:
        """What a member's log lists. Raises RefusedError where it is to be tried again: the kernel does that itself."""
        if request.retest:
            raise RefusedError(
                f"The kernel runs {self.name}: it tries its bad blocks again when they are written to.",
                hint="Without --retest they are only shown.",
            )
        return await asyncio.wait_for(
            beside(lambda: bad_blocks(self.seen, request.member, self.arrays.sysfs)), LOOKS_WITHIN
        )

    async def stop(self, request: StopRequest) -> Mirror | Plan:
        """A clean stop, or the plan of it."""
        answer = await self._run("stop", request, lambda: verbs.stop(self.seen, self.arrays.hand))
        if isinstance(answer, Mirror):
            return replace(answer, state="stopped", sync_action="idle", sync=None, why="It was stopped.")
        return answer

    async def export(self, request: ExportRequest) -> Mirror:
        """Raises RefusedError: the kernel serves it."""
        raise RefusedError(
            f"The kernel runs {self.name} and serves it as {self.seen.array.path}.",
            hint=f'"mirrortui takeover {self.seen.array.path}" would have mirrortui serve it over NBD.',
        )

    async def prepare(self, verb: Verb, prepare: Callable[[], Prepared], *words: str) -> Prepared:
        """Look closely, then plan. Raises what the planning raises."""
        await self.look_closely()
        prepared = await asyncio.wait_for(beside(prepare), ACTS_WITHIN)
        return Prepared(replace(prepared.plan, events=self.revision), prepared.act, prepared.told)

    async def look_closely(self) -> None:
        """Have the disks read, too. Raises RefusedError where they do not answer, NotFoundError if it is gone."""
        try:
            await self.arrays.look(self.seen.array.device)
        except TimeoutError:
            raise RefusedError(
                f"The kernel or a disk of {self.name} does not answer within {LOOKS_WITHIN:.0f} s.",
                hint="Look at the kernel's log.",
            ) from None
        if self.arrays.sysfs.array(self.seen.array.device) is None:
            raise NotFoundError(f"{self.name} has gone: the kernel has no {self.seen.array.device} any more.")

    def check(self, events: int | None) -> None:
        """Raises ChangedError if the plan made at this revision is out of date. None: there was no plan."""
        if events is not None and events < self.revision:
            raise ChangedError(
                f"{self.name} has changed since this was planned.", hint="Look at it again, then decide."
            )

    async def _run(
        self,
        verb: Verb,
        request: MemberRequest | ReplaceRequest | SyncRequest | StopRequest,
        prepare: Callable[[], Prepared],
        *words: str,
    ) -> Mirror | Plan:
        async with self.alone:
            try:
                prepared = await self.prepare(verb, prepare)
            except (RefusedError, MemberError) as error:
                if request.plan:
                    return self._refusal(verb, words, error)
                raise
            if request.plan:
                return prepared.plan
            self.check(request.events)
            require(prepared.plan, request.yes)
            await self._act(prepared.act)
            told = prepared.told
            self.arrays.journal.add(self.name, told.kind, told.severity, told.text, told.member)
        return await self.status()

    def _refusal(self, verb: Verb, words: tuple[str, ...], error: MirrortuiError) -> Plan:
        title = f"{verb.capitalize()} {words[0] if words else self.name}"
        return refusal(verb, self.name, title, plans.line(verb, self.name, *words), error)

    async def _act(self, act: Callable[[], object]) -> None:
        """Do it, and see what came of it."""
        try:
            await asyncio.wait_for(beside(act), ACTS_WITHIN)
        except TimeoutError:
            raise MirrortuiError(
                f"The kernel has not finished within {ACTS_WITHIN:.0f} s; what was asked of {self.name} may still "
                "happen.",
                hint="Look at the kernel's log: a disk may hang.",
            ) from None
        with contextlib.suppress(TimeoutError):  # what was asked was done; how it is now, the next look tells
            await self.arrays.look(self.seen.array.device)


def _standing(seen: Seen) -> Hashable:
    """What a plan depends on: the members and what they are."""
    array = seen.array
    members = tuple((m.path, m.faulty, m.in_sync, m.slot, m.replacement) for m in array.members)
    return array.running, array.readonly, array.raid_disks, members
