"""What we write, read by the real mdadm and run by the real kernel."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mirrortui.format import badblocks, bitmap, superblock
from mirrortui.format.badblocks import BadRange
from mirrortui.format.bitmap import BitmapHeader
from mirrortui.format.inspect import Examination, examine
from mirrortui.format.layout import array_size, plan
from mirrortui.format.superblock import (
    FAILFAST,
    MAX_DEV,
    ROLE_FAULTY,
    ROLE_SPARE,
    WRITE_MOSTLY,
    Feature,
    Superblock,
)
from mirrortui.units import GIB, MIB, SECTOR, TIB
from tests.devices import loop_device, needs_root
from tests.interop.guest import Guest
from tests.interop.kernels import tool
from tests.support import needs

pytestmark = pytest.mark.interop

UUID = bytes.fromhex("e9acd7bfc07b7247c6ad437ca3670d71")
EVENTS = 20


@dataclass
class Member:
    """A member that we write by hand, in a sparse file."""

    path: Path
    superblock: Superblock
    header: BitmapHeader | None
    dirty: tuple[int, ...] = ()
    bad: tuple[BadRange, ...] = ()

    def write(self) -> None:
        sb = self.superblock
        self.put(sb.super_offset, sb.encode())
        if self.header:
            raw = bitmap.image(self.header, dirty=False)
            for chunk in self.dirty:
                bitmap.set_bit(raw, chunk)
            self.put(sb.bitmap_sector, raw)
        if self.bad:
            self.put(sb.bblog_sector, badblocks.encode(self.bad))

    def put(self, sector: int, data: bytes | bytearray) -> None:
        with self.path.open("r+b") as file:
            file.seek(sector * SECTOR)
            file.write(data)

    def get(self, sector: int, sectors: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(sector * SECTOR)
            return file.read(sectors * SECTOR)

    def examine(self) -> Examination:
        def read(offset: int, length: int) -> bytes:
            return self.get(offset // SECTOR, -(-length // SECTOR))[:length]

        return examine(read, self.path.stat().st_size, str(self.path))


def make(path: Path, size: int, *, minor: int = 2, slot: int = 0, use_bitmap: bool = True) -> Member:
    """A member of a clean two-way mirror over files of that size, not yet written."""
    path.touch()
    os.truncate(path, size)
    layout = plan(size // SECTOR, minor=minor, bitmap=use_bitmap)
    length = array_size([layout])
    sb = Superblock(
        feature_map=Feature.BITMAP if use_bitmap else Feature(0),
        set_uuid=UUID,
        set_name="vault",
        ctime=1_700_000_000,
        size=length,
        raid_disks=2,
        bitmap_offset=layout.bitmap_offset,
        data_offset=layout.data_offset,
        data_size=layout.data_size,
        super_offset=layout.super_offset,
        dev_number=slot,
        device_uuid=bytes([slot]) * 16,
        bblog_size=layout.bblog_size,
        bblog_offset=layout.bblog_offset,
        utime=1_700_000_100,
        events=EVENTS,
        dev_roles=(0, 1, *[ROLE_SPARE] * (MAX_DEV - 2)),
    )
    header = BitmapHeader(
        uuid=UUID, events=EVENTS, events_cleared=EVENTS, sync_size=length, chunksize=layout.chunk or 65536
    )
    return Member(path, sb, header if use_bitmap else None)


@pytest.fixture
def mdadm() -> None:
    needs("mdadm")


def says(text: str, key: str) -> str | None:
    found = re.search(rf"^ *{re.escape(key)} : (.*?) *$", text, re.MULTILINE)
    return found[1] if found else None


def bitmap_of(member: Member) -> str:
    """What mdadm says of a member's bitmap. It would take the start of a file for one: it must be a device."""
    needs_root()
    needs("losetup")
    with loop_device(member.path, "--read-only") as device:
        return tool("mdadm", "--examine-bitmap", device)


SIZES = (
    2 * MIB,
    3 * MIB + SECTOR,
    100 * MIB,
    256 * MIB,
    GIB,
    9 * GIB,
    200 * GIB,
    TIB,
    3 * TIB + 7 * SECTOR,
    15 * TIB,
)


@pytest.mark.usefixtures("mdadm")
@pytest.mark.parametrize("use_bitmap", [True, False], ids=["bitmap", "none"])
@pytest.mark.parametrize("minor", [0, 1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_mdadm_calls_it_correct(tmp_path: Path, size: int, minor: int, use_bitmap: bool) -> None:
    member = make(tmp_path / "a.img", size, minor=minor, use_bitmap=use_bitmap)
    member.write()
    said = tool("mdadm", "--examine", str(member.path))
    sb = member.superblock
    assert (says(said, "Checksum") or "").endswith("- correct")
    assert says(said, "Version") == f"1.{minor}"
    assert says(said, "State") == "clean"
    assert says(said, "Array UUID") == superblock.format_uuid(UUID)
    assert says(said, "Events") == str(EVENTS)
    assert says(said, "Device Role") == "Active device 0"
    assert (says(said, "Array Size") or "").split()[0] == str(sb.size // 2)


@pytest.mark.usefixtures("mdadm")
@pytest.mark.parametrize("minor", [0, 1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_mdadm_reads_the_bitmap(tmp_path: Path, size: int, minor: int) -> None:
    member = make(tmp_path / "a.img", size, minor=minor)
    assert member.header
    chunks = member.header.chunks
    member.dirty = (0, chunks - 1)
    member.write()
    said = bitmap_of(member)
    assert f": {chunks} bits (chunks), 2 dirty" in said
    assert says(said, "UUID") == superblock.format_uuid(UUID)
    assert says(said, "Events Cleared") == str(EVENTS)
    assert says(said, "State") == "OK"


@pytest.mark.usefixtures("mdadm")
@pytest.mark.parametrize("slots", [2, 3, 127, 128])
def test_any_length_of_role_table_is_correct(tmp_path: Path, slots: int) -> None:
    member = make(tmp_path / "a.img", 16 * MIB)
    member.superblock = replace(member.superblock, dev_roles=(0, 1, *[ROLE_SPARE] * (slots - 2)))
    member.write()
    assert (says(tool("mdadm", "--examine", str(member.path)), "Checksum") or "").endswith("- correct")


@pytest.mark.usefixtures("mdadm")
def test_mdadm_understands_every_state_that_we_write(tmp_path: Path) -> None:
    member = make(tmp_path / "a.img", 16 * MIB, slot=1)
    member.superblock = replace(
        member.superblock,
        feature_map=Feature.BITMAP | Feature.RECOVERY_OFFSET | Feature.RECOVERY_BITMAP | Feature.BAD_BLOCKS,
        recovery_offset=4096,
        resync_offset=0,
        devflags=WRITE_MOSTLY | FAILFAST,
        dev_roles=(ROLE_FAULTY, 1, *[ROLE_SPARE] * 126),
    )
    member.dirty = (0, 3, 239)
    member.bad = (BadRange(22048, 16), BadRange(30000, 1))
    member.write()
    said = tool("mdadm", "--examine", str(member.path))
    assert says(said, "State") == "active"
    assert says(said, "Recovery Offset") == "4096 sectors"
    assert says(said, "Flags") == "write-mostly failfast"
    assert (says(said, "Array State") or "").startswith(".A ")
    assert (says(said, "Bad Block Log") or "").endswith("- bad blocks present.")
    assert ", 3 dirty" in bitmap_of(member)
    listed = tool("mdadm", "--examine-badblocks", str(member.path))
    assert re.findall(r"(\d+) for (\d+) sectors", listed) == [("22048", "16"), ("30000", "1")]


def pair(directory: Path, minor: int = 2) -> tuple[Member, Member]:
    """Two members with the same data, not yet written."""
    first, second = (
        make(directory / name, 16 * MIB, minor=minor, slot=slot) for slot, name in enumerate("ab")
    )
    for member in first, second:
        member.put(member.superblock.data_offset, DATA)
    return first, second


DATA = bytes(range(256)) * (4 * MIB // 256)
CHUNK = 65536 // SECTOR
ASSEMBLE = "mdadm --assemble /dev/md0 /dev/vda /dev/vdb; md=/sys/block/md0/md\n"
CHECK = (
    "mdadm --wait /dev/md0 || true; echo check > $md/sync_action; mdadm --wait /dev/md0 || true;"
    " echo mismatches $(cat $md/mismatch_cnt)\n"
)
STOP = "until grep -qx clean $md/array_state; do sleep 0.1; done; mdadm --stop /dev/md0\n"


@pytest.mark.slow
@pytest.mark.parametrize("minor", [0, 1, 2])
def test_the_kernel_runs_a_clean_mirror(tmp_path: Path, guest: Guest, minor: int) -> None:
    first, second = pair(tmp_path, minor)
    first.write()
    second.write()
    console = guest.run(
        ASSEMBLE + "grep -q UU /proc/mdstat; echo state $(cat $md/array_state)\n"
        "echo data $(dd if=/dev/md0 bs=1M count=4 | sha256sum)\n" + CHECK + STOP,
        [first.path, second.path],
    )
    assert f"data {hashlib.sha256(DATA).hexdigest()}" in console
    assert "state clean" in console
    assert "mismatches 0" in console
    for member in first, second:
        found = member.examine()
        assert found.warnings == ()
        assert found.superblock
        assert found.superblock.role == member.superblock.role


def spoil(member: Member, chunk: int) -> None:
    """Let a chunk of the data differ from the other member's."""
    member.put(member.superblock.data_offset + chunk * CHUNK, b"\xee" * CHUNK * SECTOR)


def chunk_of(member: Member, chunk: int) -> bytes:
    return member.get(member.superblock.data_offset + chunk * CHUNK, CHUNK)


@pytest.mark.slow
def test_the_kernel_resyncs_the_chunks_that_we_marked_and_no_other(tmp_path: Path, guest: Guest) -> None:
    first, second = pair(tmp_path)
    for member in first, second:
        member.superblock = replace(member.superblock, resync_offset=0, events=EVENTS + 1)
        assert member.header
        member.header = replace(member.header, events=EVENTS + 1)
        member.dirty = (3, 239)
        member.write()
    spoil(second, 3)
    spoil(second, 5)
    console = guest.run(ASSEMBLE + CHECK + STOP, [first.path, second.path])
    assert chunk_of(first, 3) == chunk_of(second, 3)
    assert chunk_of(first, 5) != chunk_of(second, 5)
    assert f"mismatches {CHUNK}" in console
    assert first.examine().warnings == second.examine().warnings == ()


@pytest.mark.slow
def test_the_kernel_keeps_a_stale_member_out_and_takes_it_back_by_bitmap(
    tmp_path: Path, guest: Guest
) -> None:
    first, second = pair(tmp_path)
    first.superblock = replace(first.superblock, dev_roles=(0, *[ROLE_SPARE] * 127), events=EVENTS + 5)
    assert first.header
    first.header = replace(first.header, events=EVENTS + 5)
    first.dirty = (7,)
    first.write()
    second.write()
    spoil(second, 7)
    spoil(second, 9)
    console = guest.run(
        ASSEMBLE
        + "grep -q U_ /proc/mdstat; mdadm /dev/md0 --re-add /dev/vdb\n"
        + CHECK
        + "grep -q UU /proc/mdstat\n"
        + STOP,
        [first.path, second.path],
    )
    assert "re-added /dev/vdb" in console
    assert chunk_of(first, 7) == chunk_of(second, 7)
    assert f"mismatches {CHUNK}" in console, "chunk 9 had no bit"


@pytest.mark.slow
def test_the_kernel_goes_on_with_a_recovery_where_we_left_it(tmp_path: Path, guest: Guest) -> None:
    first, second = pair(tmp_path)
    second.superblock = replace(
        second.superblock, feature_map=Feature.BITMAP | Feature.RECOVERY_OFFSET, recovery_offset=10 * CHUNK
    )
    first.write()
    second.write()
    spoil(second, 9)
    spoil(second, 10)
    spoil(second, 239)
    console = guest.run(ASSEMBLE + CHECK + STOP, [first.path, second.path])
    assert f"mismatches {CHUNK}" in console, "chunk 9 was said to be done"
    assert chunk_of(first, 10) == chunk_of(second, 10)
    assert chunk_of(first, 239) == chunk_of(second, 239)
    assert second.examine().warnings == ()
