"""What is measured, and what should come out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One load on one kind of members."""

    words: str
    place: str
    """ "memory" or "disk"."""
    direct: bool
    rw: str
    """fio's word."""
    block: str
    depth: int
    jobs: int = 1
    fsync: int = 0
    """A flush after that many writes."""
    target: float | None = None
    """IOPS against the better of QEMU's modes."""

    @property
    def kind(self) -> str:
        """Rows of a kind share their servers."""
        return f"{self.place}, {'O_DIRECT' if self.direct else 'buffered'}"


ROWS = [
    Row("4K read qd32", "memory", False, "randread", "4k", 32, target=2.5),
    Row("4K write qd32", "memory", False, "randwrite", "4k", 32, target=2.2),
    Row("4K read qd32, 4 connections", "memory", False, "randread", "4k", 32, 4),
    Row("4K write qd32, 4 connections", "memory", False, "randwrite", "4k", 32, 4, target=2.2),
    Row("4K read qd1", "memory", False, "randread", "4k", 1, target=0.75),
    Row("4K write qd1", "memory", False, "randwrite", "4k", 1, target=1.0),
    Row("1M read", "memory", False, "read", "1m", 8, target=1.5),
    Row("1M write", "memory", False, "write", "1m", 8),
    Row("4K read qd32", "disk", True, "randread", "4k", 32, target=0.85),
    Row("4K write qd32", "disk", True, "randwrite", "4k", 32, target=0.85),
    Row("4K write qd32, 4 connections", "disk", True, "randwrite", "4k", 32, 4),
    Row("4K write qd32, fsync each 32", "disk", True, "randwrite", "4k", 32, fsync=32, target=0.85),
    Row("1M read", "disk", True, "read", "1m", 8),
    Row("1M write", "disk", True, "write", "1m", 8),
    Row("4K write qd32", "disk", False, "randwrite", "4k", 32),
    Row("4K write qd32, fsync each 32", "disk", False, "randwrite", "4k", 32, fsync=32, target=1.2),
]
