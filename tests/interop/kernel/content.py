"""What an array must hold: a model in blocks of 4 KiB, each written with the ink of some generation, or still blank."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mirrortui.units import MIB

BLOCK = 4096
GENERATIONS = 16
GENERATION_BLOCKS = 1024
"""Blocks of ink in each generation; beyond them it begins again."""
BLANK = 0
"""The generation of what was never written: zeroes."""


@dataclass(frozen=True)
class Ink:
    """Random blocks, the same for guest and host: one for each generation and place."""

    path: Path
    data: bytes

    @classmethod
    def made(cls, path: Path) -> Ink:
        """In a new file."""
        data = random.Random(1).randbytes(GENERATIONS * GENERATION_BLOCKS * BLOCK)
        path.write_bytes(data)
        return cls(path, data)

    def block(self, generation: int, block: int) -> bytes:
        """What `put` writes there."""
        if generation == BLANK:
            return bytes(BLOCK)
        at = (generation * GENERATION_BLOCKS + block % GENERATION_BLOCKS) * BLOCK
        return self.data[at : at + BLOCK]

    def generation(self, block: int, data: bytes) -> int | None:
        """Which one this is; None: no ink that belongs there."""
        return next((g for g in range(GENERATIONS) if self.block(g, block) == data), None)


Read = Callable[[int, int], bytes]
"""(offset, length) in bytes."""


@dataclass
class Content:
    """Which generations each block may hold; more than one where a write was cut off."""

    ink: Ink
    possible: dict[int, set[int]] = field(default_factory=dict)

    def hear(self, told: Iterable[list[str]]) -> Content:
        """Take in what a scene told of its writes."""
        for word, *rest in told:
            if word in ("try", "put"):
                generation, first, count = map(int, rest)
                (self.wrote if word == "put" else self.began)(generation, first, count)
        return self

    def began(self, generation: int, first: int, count: int = 1) -> None:
        """A write that may have arrived, in part or in whole."""
        for block in range(first, first + count):
            self.possible.setdefault(block, {BLANK}).add(generation)

    def wrote(self, generation: int, first: int, count: int = 1) -> None:
        """A write that was acknowledged."""
        for block in range(first, first + count):
            self.possible[block] = {generation}

    def check(self, read: Read, size: int) -> None:
        """Everything that can be read is as it must be. From then on it is what was read."""
        wrong = list(self._wrong(read, size))
        assert not wrong, f"{len(wrong)} blocks are wrong: {'; '.join(wrong[:10])}"

    def check_written(self, read: Read) -> None:
        """The same for the blocks that were written to only: of an array that is too large to be read."""
        wrong = [
            w for block in sorted(self.possible) for w in self._compare(block, read(block * BLOCK, BLOCK))
        ]
        assert not wrong, f"{len(wrong)} blocks are wrong: {'; '.join(wrong[:10])}"

    def _wrong(self, read: Read, size: int) -> Iterator[str]:
        for offset in range(0, size, MIB):
            data = read(offset, min(MIB, size - offset))
            for at in range(0, len(data), BLOCK):
                yield from self._compare((offset + at) // BLOCK, data[at : at + BLOCK])

    def _compare(self, block: int, data: bytes) -> Iterator[str]:
        possible = self.possible.get(block, {BLANK})
        for generation in possible:
            if data == self.ink.block(generation, block):
                if block in self.possible:
                    self.possible[block] = {generation}
                return
        found = self.ink.generation(block, data)
        yield f"block {block} holds {found}, not {' or '.join(map(str, sorted(possible)))}"
