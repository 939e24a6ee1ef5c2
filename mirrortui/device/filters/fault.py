"""A member that fails as planned: errors, hangs and short answers, by rule, by script or by seed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from errno import EIO, ENOSPC, ETIMEDOUT
from typing import Literal

from mirrortui.device.base import Device, Op, Waiter
from mirrortui.device.buffers import Buffer
from mirrortui.device.filters.passing import CallLater, Filter

Effect = int | Literal["hang", "short"]
"""An errno: nothing is done. "hang": given up after the bound, and may land later. "short": half of it is done."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule: which operations it is about, and which of them it hits."""

    effect: Effect
    op: Op | None = None
    """None: any kind."""
    start: int = 0
    end: int | None = None
    """Bytes: operations that touch the range from `start` to before `end`. A flush touches byte 0."""
    nth: int = 1
    """The first one hit, counted among those that fit, from 1."""
    times: int = 1
    """How many in a row are hit."""

    def fits(self, op: Op, offset: int, length: int) -> bool:
        """Whether the rule is about this operation."""
        inside = offset + max(length, 1) > self.start and (self.end is None or offset < self.end)
        return inside and self.op in (None, op)


_LETTERS: dict[str, Effect] = {"E": EIO, "N": ENOSPC, "H": "hang", "S": "short"}


def script(letters: str) -> list[Fault]:
    """Rules for the first operations, a letter each: ``"..E.H"`` fails the third and hangs the fifth. ``.`` is left
    alone, E gets EIO, N ENOSPC, H hangs, S is short. Raises ValueError for any other letter.
    """
    wrong = set(letters) - {".", *_LETTERS}
    if wrong:
        raise ValueError(f"{letters!r}: expected only . E N H S, found {' '.join(sorted(wrong))}")
    return [Fault(_LETTERS[letter], nth=nth) for nth, letter in enumerate(letters, 1) if letter != "."]


def scattered(seed: int, rate: float, operations: int, effects: Iterable[Effect] = (EIO,)) -> list[Fault]:
    """Rules that hit each of the first `operations` with probability `rate`; the same for the same seed."""
    chance, choices = random.Random(seed), list(effects)
    return [
        Fault(chance.choice(choices), nth=nth) for nth in range(1, operations + 1) if chance.random() < rate
    ]


class FaultFilter(Filter):
    """Applies the first rule that hits; without one, operations pass. `timeout`: seconds until a hanging operation is
    given up. Rules may be added at any time.
    """

    def __init__(
        self, inner: Device, faults: Iterable[Fault], call_later: CallLater, timeout: float = 30.0
    ) -> None:
        super().__init__(inner, sees_all=True)
        self.timeout = timeout
        self._call_later = call_later
        self._faults: list[Fault] = []
        self._seen: list[int] = []
        self._hanging: list[_Hanging] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """One more rule; it counts from now on."""
        self._faults.append(fault)
        self._seen.append(0)

    def clear(self) -> None:
        """No more rules. What hangs goes on hanging."""
        self._faults.clear()
        self._seen.clear()

    def let_go(self) -> None:
        """What hangs is done now; what was given up lands late."""
        hanging, self._hanging = self._hanging, []
        for operation in hanging:
            operation.go_on()

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """See Device."""
        effect = self._effect(op, offset, length)
        if effect == "hang":
            self._hanging.append(_Hanging(self, op, offset, buffer, length, fua, waiter, index))
            self._call_later(self.timeout, self._hanging[-1].give_up)
        elif effect == "short" and buffer is not None:
            unit = max(self.block_size, self.atom)
            self.inner.submit(op, offset, buffer, length // 2 // unit * unit, fua, waiter, index)
        elif isinstance(effect, int):
            error = -effect
            self._call_later(0, lambda: waiter.complete(index, error))
        else:
            self.inner.submit(op, offset, buffer, length, fua, waiter, index)

    def _effect(self, op: Op, offset: int, length: int) -> Effect | None:
        """What the first rule that hits says; all that fit have seen the operation."""
        effect = None
        for place, fault in enumerate(self._faults):
            if fault.fits(op, offset, length):
                self._seen[place] += 1
                if effect is None and fault.nth <= self._seen[place] < fault.nth + fault.times:
                    effect = fault.effect
        return effect


class _Hanging:
    """An operation that hangs; and, once it was given up, its own waiter."""

    def __init__(
        self,
        by: FaultFilter,
        op: Op,
        offset: int,
        buffer: Buffer | None,
        length: int,
        fua: bool,
        waiter: Waiter,
        index: int,
    ) -> None:
        self._filter = by
        self._what = (op, offset, buffer, length, fua)
        self._waiter = waiter
        self._index = index
        self._state: Literal["hanging", "given up", "gone on"] = "hanging"

    def give_up(self) -> None:
        if self._state != "hanging":
            return
        self._state = "given up"
        self._filter.zombies += 1
        buffer = self._what[2]
        if buffer:
            buffer.hold()
        self._waiter.complete(self._index, -ETIMEDOUT)

    def go_on(self) -> None:
        if self._state == "given up":
            self._filter.inner.submit(*self._what, self, 0)
        else:
            self._filter.inner.submit(*self._what, self._waiter, self._index)
        self._state = "gone on"

    def complete(self, index: int, result: int) -> None:
        """The real end of what was given up."""
        op, _, buffer, _, fua = self._what
        self._filter.zombies -= 1
        self._filter.failed_late |= result < 0 and (fua or op is Op.FLUSH)
        if buffer:
            buffer.drop()
