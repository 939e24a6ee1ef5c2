"""Bytes that can lose power: what is read back now, and what a cut may leave of it.

A unit that was written and not flushed survives a cut in any of its versions, or in the old one; so does one of a write
still in flight. The unit is the medium's: a sector of 512 or of 4096 bytes is whole in one version, never torn.
"""

from __future__ import annotations

import random
from collections.abc import Iterable


class Damage:
    """Blocks that cannot be read until they are written, or ever. What they held is not forgotten: a block that can be
    read again one day holds it still.
    """

    def __init__(self, block: int, rng: random.Random) -> None:
        self.block = block
        """Bytes that are lost together."""
        self.unreadable: set[int] = set()
        """Places, in bytes."""
        self.dead: set[int] = set()
        """Those that take no write either."""
        self._healing: set[int] = set()
        self._rng = rng

    def strike(self, place: int, *, dead: bool = False) -> None:
        """The block there cannot be read from now on."""
        self.unreadable.add(place)
        self._healing.discard(place)
        if dead:
            self.dead.add(place)

    def mend(self) -> None:
        """What was dead takes writes again."""
        self.dead.clear()

    def hides(self, offset: int, length: int) -> bool:
        """A part of the range cannot be read."""
        return bool(self.unreadable) and any(p in self.unreadable for p in self.blocks(offset, length))

    def refuses(self, offset: int, length: int) -> set[int]:
        """Places in the range that take no write."""
        return self.dead.intersection(self.blocks(offset, length)) if self.dead else set()

    def written(self, offset: int, length: int, *, durable: bool) -> None:
        """Blocks that were overwritten can be read."""
        if not self.unreadable and not self._healing:
            return
        for place in self.blocks(offset, length):
            if place in self.dead:
                continue
            if place in self.unreadable and not durable:
                self._healing.add(place)
            self.unreadable.discard(place)
            if durable:
                self._healing.discard(place)

    def flush(self) -> None:
        """What was overwritten stays so."""
        self._healing.clear()

    def lose_power(self) -> None:
        """What was not flushed may be as bad as it was."""
        self.unreadable.update(place for place in self._healing if self._rng.random() < 0.5)
        self._healing.clear()

    def blocks(self, offset: int, length: int) -> range:
        """Places of the blocks that a range touches."""
        return range(offset // self.block * self.block, offset + length, self.block)


class Medium:
    """What one simulated disk keeps."""

    def __init__(self, size: int, unit: int, rng: random.Random, block: int) -> None:
        self.unit = unit
        self.damage = Damage(block, rng)
        self.current = bytearray(size)
        """What is read now: written through a cache or not, flushed or not."""
        self.version = 0
        """Counts writes; a flush covers those up to the one that it saw."""
        self._rng = rng
        self._safe = bytearray(size)
        self._unflushed: dict[int, list[tuple[int, bytes]]] = {}

    def write(self, offset: int, data: bytes, *, partial: bool = False, durable: bool = False) -> None:
        """Take data; with `partial` only some of its units."""
        self.version += 1
        if not partial:
            self.damage.written(offset, len(data), durable=durable)
        for place in self._units(offset, len(data)):
            if partial and self._rng.random() < 0.5:
                continue
            now = _overlaid(self.current[place : place + self.unit], place, offset, data)
            self.current[place : place + self.unit] = now
            if durable:
                self._safe[place : place + self.unit] = now
                self._unflushed.pop(place, None)
            else:
                self._unflushed.setdefault(place, []).append((self.version, now))

    def flush(self, seen: int) -> None:
        """What was written up to then is durable."""
        left: dict[int, list[tuple[int, bytes]]] = {}
        for place, versions in self._unflushed.items():
            later = [v for v in versions if v[0] > seen]
            if len(later) < len(versions):
                self._safe[place : place + self.unit] = versions[len(versions) - len(later) - 1][1]
            if later:
                left[place] = later
        self._unflushed = left
        if seen >= self.version:
            self.damage.flush()

    def is_durable(self, offset: int, length: int) -> bool:
        """A power cut would leave the range as it is."""
        return not any(place in self._unflushed for place in self._units(offset, length))

    def preset(self, offset: int, data: bytes) -> None:
        """It has held this for ever."""
        self.current[offset : offset + len(data)] = data
        self._safe[offset : offset + len(data)] = data

    def grow(self, count: int) -> None:
        """So many bytes more, of zeroes."""
        self.current += bytes(count)
        self._safe += bytes(count)

    def cure(self, place: int, bad: bytes, good: bytes) -> None:
        """The pieces of a unit that hold `bad`, or may after a cut, hold what `good` has there instead."""

        def cured(unit: bytes | bytearray) -> bytes:
            pieces = range(0, self.unit, len(bad))
            return b"".join(
                (good if unit[at : at + len(bad)] == bad else unit)[at : at + len(bad)] for at in pieces
            )

        here = slice(place, place + self.unit)
        for image in (self.current, self._safe):
            image[here] = cured(image[here])
        if versions := self._unflushed.get(place):
            self._unflushed[place] = [(number, cured(data)) for number, data in versions]

    def lose_power(self, in_flight: Iterable[tuple[int, bytes]]) -> None:
        """Each unit keeps the flushed content or any version since, those in flight included."""
        self.damage.lose_power()
        for offset, data in in_flight:
            for place in self._units(offset, len(data)):
                versions = self._unflushed.setdefault(place, [])
                before = versions[-1][1] if versions else self._safe[place : place + self.unit]
                versions.append((0, _overlaid(before, place, offset, data)))
        for place, versions in self._unflushed.items():
            if (kept := self._rng.randrange(len(versions) + 1)) < len(versions):
                self._safe[place : place + self.unit] = versions[kept][1]
        self.current = bytearray(self._safe)
        self._unflushed = {}

    def _units(self, offset: int, length: int) -> range:
        """Where the units begin that a range touches."""
        return range(offset // self.unit * self.unit, offset + length, self.unit)


def _overlaid(unit: bytes | bytearray, place: int, offset: int, data: bytes) -> bytes:
    """The unit that begins at `place`, with what the data that begin at `offset` have of it."""
    first, last = max(place, offset), min(place + len(unit), offset + len(data))
    piece = data[first - offset : last - offset]
    return bytes(unit[: first - place]) + piece + bytes(unit[last - place :])
