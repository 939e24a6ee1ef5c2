"""The kernel's arrays as sysfs shows them: /sys/block/md*/md, a small file for each attribute.

Reading takes neither root nor mdadm. Kernels differ, and an array may go away while it is read: what is not there, or
not as expected, is empty, 0 or None (I15). Sizes and places in bytes, speeds in bytes per second.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirrortui.units import KIB, SECTOR

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went through a block device since it is there; only grows."""

    reads: int
    read_bytes: int
    writes: int
    write_bytes: int
    busy: float
    """Seconds that requests took, added up."""


@dataclass(frozen=True, slots=True)
class KernelMember:
    """One member, as md sees it now."""

    path: str
    directory: Path
    """Its own attributes: md/dev-*."""
    flags: frozenset[str]
    """faulty, in_sync, write_mostly, spare, want_replacement, replacement, ..."""
    slot: int | None
    """Role in the array; None: it has none (any more)."""
    errors: int
    """Reads that failed and were corrected."""
    recovery_start: int | None
    """How much of its data is good; None: all."""
    bad_blocks: int
    """Bytes in its bad-block log."""
    size: int
    """Of the device."""
    traffic: Traffic

    @property
    def faulty(self) -> bool:
        """It takes no part any more."""
        return "faulty" in self.flags

    @property
    def in_sync(self) -> bool:
        """It holds all the data."""
        return "in_sync" in self.flags and not self.faulty

    @property
    def filling(self) -> bool:
        """It has a role and is being filled for it."""
        return self.slot is not None and not self.faulty and not self.in_sync

    @property
    def replacement(self) -> bool:
        """It is being filled to replace another member of the same role."""
        return self.filling and "replacement" in self.flags


@dataclass(frozen=True, slots=True)
class BadBlockLog:
    """What md does not read from a member."""

    data_offset: int
    """Bytes from the start of the device to the data."""
    ranges: tuple[tuple[int, int], ...]
    """First sector and how many, from the start of the device."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A speed limit."""

    speed: int
    own: bool
    """Set for this array; else it is the system's."""


@dataclass(frozen=True, slots=True)
class KernelArray:
    """One array, as md sees it now."""

    device: str
    """md127"""
    path: str
    """/dev/md127"""
    directory: Path
    """Its md attributes."""
    level: str
    """raid1, ...; empty while it is not started."""
    state: str
    """array_state: inactive, readonly, read-auto, clean, active, ..."""
    raid_disks: int
    size: int
    metadata: str
    """1.2, 0.90, external:imsm, none."""
    uuid: str
    """As mdadm writes it; empty where the kernel does not tell."""
    degraded: int
    """Roles that nobody fills wholly."""
    action: str
    """sync_action: idle, frozen, resync, recover, check, repair."""
    position: tuple[int, int] | None
    """How far the action is, and of how much; None: it does not run, or waits."""
    delayed: bool
    """It waits for another array on the same disks."""
    speed: int
    speed_min: Limit
    speed_max: Limit
    mismatches: int
    resync_start: int | None
    """Where a resync is due; None: nowhere."""
    check_start: int
    """Where an interrupted check goes on."""
    bitmap_chunk: int
    """0: no write-intent bitmap."""
    members: tuple[KernelMember, ...]
    """By role, then those without one."""
    traffic: Traffic

    @property
    def running(self) -> bool:
        """It was started: there is a data path."""
        return self.state not in ("", "clear", "inactive")

    @property
    def readonly(self) -> bool:
        """Writes are refused. (read-auto is not that: the first write ends it.)"""
        return self.state == "readonly"

    @property
    def external(self) -> bool:
        """Its superblocks are kept by another program."""
        return self.metadata.startswith("external")

    @property
    def copies(self) -> list[KernelMember]:
        """Members that hold all the data."""
        return [member for member in self.members if member.in_sync]

    def find(self, path: str) -> KernelMember | None:
        """The member of that path, however it is spelt."""
        real = os.path.realpath(path)
        return next((m for m in self.members if path == m.path or real == os.path.realpath(m.path)), None)


class Sysfs:
    """The sysfs of one kernel, and where its device nodes are."""

    def __init__(self, root: Path = Path("/sys"), dev: Path = Path("/dev")) -> None:
        self.root = root
        self.dev = dev

    @property
    def has_md(self) -> bool:
        """This kernel has md, loaded or built in."""
        return (self.root / "module/md_mod").exists() or any(self._directories())

    def arrays(self) -> list[KernelArray]:
        """All arrays of any level, started or not, by their numbers."""
        return [found for block in self._directories() if (found := self._array(block))]

    def array(self, device: str) -> KernelArray | None:
        """One array by its device, such as md127; None when there is none (any more)."""
        return self._array(self.root / "block" / device)

    def bad_blocks(self, member: KernelMember) -> BadBlockLog | None:
        """A member's bad-block log; None where the kernel does not show it, or no longer."""
        lines = [line.split() for line in _lines(member.directory, "bad_blocks")]
        if not (member.directory / "bad_blocks").exists():
            return None
        ranges = [
            (int(line[0]), int(line[1])) for line in lines if len(line) == 2 and all(map(str.isdecimal, line))
        ]
        return BadBlockLog(_number(_text(member.directory, "offset")) * SECTOR, tuple(sorted(ranges)))

    def _directories(self) -> Iterator[Path]:
        yield from sorted((self.root / "block").glob("md*"), key=lambda path: (len(path.name), path.name))

    def _array(self, block: Path) -> KernelArray | None:
        md = block / "md"
        state = _text(md, "array_state")
        if not state or state == "clear":
            return None
        uuid = _text(md, "uuid")
        members = [member for entry in md.glob("dev-*") if (member := self._member(entry))]
        return KernelArray(
            device=block.name,
            path=self._node(block.name),
            directory=md,
            level=_text(md, "level"),
            state=state,
            raid_disks=_number(_text(md, "raid_disks").partition(" ")[0]),
            size=_number(_text(block, "size")) * SECTOR or _number(_text(md, "component_size")) * KIB,
            metadata=_text(md, "metadata_version"),
            uuid=_as_mdadm(uuid) if _UUID.fullmatch(uuid) and uuid.strip("0-") else "",
            degraded=_number(_text(md, "degraded")),
            action=_text(md, "sync_action") or "idle",
            position=_position(_text(md, "sync_completed")),
            delayed=_text(md, "sync_completed") == "delayed",
            speed=_number(_text(md, "sync_speed")) * KIB,
            speed_min=_limit(_text(md, "sync_speed_min")),
            speed_max=_limit(_text(md, "sync_speed_max")),
            mismatches=_number(_text(md, "mismatch_cnt")) * SECTOR,
            resync_start=_sectors(_text(md, "resync_start")),
            check_start=_number(_text(md, "sync_min")) * SECTOR,
            bitmap_chunk=_number(_text(md, "bitmap/chunksize")),
            members=tuple(
                sorted(members, key=lambda m: (m.slot is None, m.slot or 0, m.replacement, m.path))
            ),
            traffic=_traffic(block),
        )

    def _member(self, entry: Path) -> KernelMember | None:
        flags = frozenset(_text(entry, "state").split(","))
        if flags == {""}:
            return None
        try:
            name = (entry / "block").readlink().name
        except OSError:
            name = entry.name.removeprefix("dev-")
        slot = _text(entry, "slot")
        return KernelMember(
            path=self._node(name),
            directory=entry,
            flags=flags,
            slot=int(slot) if slot.isdecimal() else None,
            errors=_number(_text(entry, "errors")),
            recovery_start=_sectors(_text(entry, "recovery_start")),
            bad_blocks=sum(_number(line.partition(" ")[2]) for line in _lines(entry, "bad_blocks")) * SECTOR,
            size=_number(_text(entry, "block/size")) * SECTOR,
            traffic=_traffic(entry / "block"),
        )

    def _node(self, name: str) -> str:
        """In sysfs a slash of a device's name is an exclamation mark."""
        return str(self.dev / name.replace("!", "/"))


def _text(directory: Path, name: str) -> str:
    try:
        return (directory / name).read_text(errors="replace").strip()
    except OSError:
        return ""


def _lines(directory: Path, name: str) -> list[str]:
    return _text(directory, name).splitlines()


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _sectors(text: str) -> int | None:
    """Bytes; "none" is None."""
    return int(text) * SECTOR if text.isdecimal() else None


def _position(text: str) -> tuple[int, int] | None:
    done, slash, total = text.partition(" / ")
    if not slash or not done.isdecimal() or not total.isdecimal():
        return None
    return min(int(done), int(total)) * SECTOR, int(total) * SECTOR


def _limit(text: str) -> Limit:
    speed, _, whose = text.partition(" ")
    return Limit(_number(speed) * KIB, whose == "(local)")


def _traffic(block: Path) -> Traffic:
    """Fields 1, 3, 4 and 5, 7, 8 of the kernel's iostats."""
    fields = [_number(field) for field in _text(block, "stat").split()]
    if len(fields) < 8:
        return Traffic(0, 0, 0, 0, 0.0)
    reads, _, read_sectors, reading, writes, _, written_sectors, writing = fields[:8]
    return Traffic(reads, read_sectors * SECTOR, writes, written_sectors * SECTOR, (reading + writing) / 1000)


def _as_mdadm(uuid: str) -> str:
    """Four groups of eight digits."""
    digits = uuid.replace("-", "")
    return ":".join(digits[at : at + 8] for at in range(0, 32, 8))
