"""Looking at the kernel's arrays again and again: what is read when, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mirrortui.kernel import lookout
from mirrortui.kernel.describe import describe
from mirrortui.kernel.lookout import SETTLES, Lookout, Seen
from mirrortui.kernel.metadata import Metadata, read_member, read_metadata
from mirrortui.kernel.sysfs import KernelArray, Sysfs
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.units import KIB, MIB
from tests.golden import members
from tests.sysfs import furnish, plant, set_attribute, write_member

MD = "block/md0/md"


class Reads:
    """Counts the looks at the disks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr(lookout, "read_metadata", self._read)

    def _read(self, array: KernelArray) -> Metadata:
        self.count += 1
        return read_metadata(array)


def look(sysfs: Sysfs, clock: ManualClock | None = None) -> Seen:
    [seen] = Lookout(sysfs, clock or ManualClock()).look()
    return seen


def test_disks_at_rest_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, clock, sysfs = Reads(monkeypatch), ManualClock(), plant("clean", tmp_path)
    furnish(sysfs, "clean-1.2")
    watching = Lookout(sysfs, clock)

    def in_seconds(seconds: float) -> int:
        """How often the disks are read, looking every second."""
        before = reads.count
        for _ in range(int(seconds)):
            clock.advance(1)
            watching.look()
        return reads.count - before

    watching.look()
    assert reads.count == 1
    in_seconds(SETTLES)
    assert in_seconds(100) == 0, "an array at rest keeps its disks awake"
    set_attribute(sysfs, f"{MD}/array_state", "active")
    assert in_seconds(100) == 100
    set_attribute(sysfs, f"{MD}/array_state", "clean")
    assert in_seconds(100) == SETTLES + 1, "bits are cleared after the last write"
    set_attribute(sysfs, f"{MD}/dev-vdb/state", "faulty")
    assert in_seconds(100) == SETTLES + 1, "superblocks are written when a member fails"
    watching.look(closely="md0")
    assert reads.count == 1 + SETTLES + 100 + SETTLES + 1 + SETTLES + 1 + 1


def test_name_uuid_and_events_come_from_the_superblocks(tmp_path: Path) -> None:
    sysfs = plant("clean", tmp_path)
    furnish(sysfs, "clean-1.2")
    seen = look(sysfs)
    superblock = seen.metadata.superblock
    assert superblock and seen.uuid == superblock.set_uuid.hex(":", 4)
    mirror = describe(seen)
    assert (seen.name, mirror.name) == ("0", "0")  # what the golden arrays are called
    assert mirror.events == superblock.events > 0
    assert [m.events for m in mirror.members] == [mirror.events] * 2
    assert mirror.bitmap and mirror.bitmap.dirty == 0


def test_an_array_whose_disks_cannot_be_read_is_known_by_its_device(tmp_path: Path) -> None:
    seen = look(plant("clean", tmp_path))
    assert seen.name == "md0"
    assert seen.metadata.problem
    mirror = describe(seen)
    assert (mirror.events, mirror.state, len(mirror.uuid)) == (0, "clean", 35)
    assert mirror.bitmap and (mirror.bitmap.dirty, mirror.bitmap.chunks) == (None, 240)


def test_a_name_once_known_stays(tmp_path: Path) -> None:
    clock, sysfs = ManualClock(), plant("clean", tmp_path)
    disks = furnish(sysfs, "clean-1.2")
    watching = Lookout(sysfs, clock)
    watching.look()
    for disk in disks:
        disk.unlink()
    set_attribute(sysfs, f"{MD}/dev-vda/state", "faulty")
    set_attribute(sysfs, f"{MD}/dev-vdb/state", "faulty")
    [seen] = watching.look()
    assert seen.name == "0"


def test_another_array_on_the_same_device_is_another(tmp_path: Path) -> None:
    clock, sysfs = ManualClock(), plant("clean", tmp_path)
    furnish(sysfs, "clean-1.2")
    watching = Lookout(sysfs, clock)
    watching.look()
    set_attribute(sysfs, f"{MD}/dev-vdb/state", "faulty")
    [seen] = watching.look()
    assert list(seen.since) == [str(sysfs.dev / "vdb")]
    set_attribute(sysfs, f"{MD}/uuid", "01020304-0506-0708-090a-0b0c0d0e0f10")
    for disk in sysfs.dev.iterdir():
        disk.unlink()
    [seen] = watching.look()
    assert (seen.name, seen.since) == ("md0", {})


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["vault", "attic"], ["vault", "attic"]),
        (["vault", "vault"], ["md0", "md1"]),
        (["md1", "vault"], ["md0", "vault"]),
        (["a/b", "two words"], ["a_b", "two_words"]),
    ],
)
def test_names_tell_arrays_apart(wanted: list[str], names: list[str], tmp_path: Path) -> None:
    arrays = plant("other-level", tmp_path).arrays()
    path = tmp_path / "member"
    write_member(path, members("clean-1.2")[0])
    found = read_member(str(path))

    def known(name: str) -> lookout._Known:
        called = replace(found, superblock=replace(found.superblock, set_name=f"host:{name}"))
        return lookout._Known("", superblock=called.superblock)

    told = lookout._names(
        arrays, {array.device: known(name) for array, name in zip(arrays, wanted, strict=True)}
    )
    assert list(told.values()) == names


def test_since_when_is_known_of_what_changed_before_our_eyes(tmp_path: Path) -> None:
    clock, sysfs = ManualClock(), plant("clean", tmp_path)
    watching = Lookout(sysfs, clock)
    [seen] = watching.look()
    assert seen.since == {}
    clock.advance(60)
    set_attribute(sysfs, f"{MD}/dev-vdb/state", "faulty")
    set_attribute(sysfs, f"{MD}/dev-vdb/slot", "none")
    set_attribute(sysfs, f"{MD}/degraded", "1")
    watching.look()
    failed_at = clock.now()
    clock.advance(60)
    [seen] = watching.look()
    mirror = describe(seen)
    assert mirror.since == mirror.members[1].since == failed_at
    assert mirror.members[0].since is None


def test_rates_are_those_of_late(tmp_path: Path) -> None:
    clock, sysfs = ManualClock(), plant("clean", tmp_path)
    stat = "block/md0/stat"
    watching = Lookout(sysfs, clock)

    def after(seconds: float, counters: str) -> tuple[int, int, int, int]:
        clock.advance(seconds)
        set_attribute(sysfs, stat, counters)
        [seen] = watching.look()
        mirror = describe(seen)
        return mirror.read_rate, mirror.read_iops, mirror.write_rate, mirror.write_iops

    assert after(0, "10 0 80 5 0 0 0 0 0 0 0") == (0, 0, 0, 0)
    assert after(1, "20 0 2128 5 4 0 8 8 0 0 0") == (MIB, 10, 4 * KIB, 4)
    for _ in range(6):
        after(1, "20 0 2128 5 4 0 8 8 0 0 0")
    assert after(1, "20 0 2128 5 4 0 8 8 0 0 0") == (0, 0, 0, 0)
    assert after(1, "0 0 0 0 0 0 0 0 0 0 0") == (0, 0, 0, 0), "another disk of that name"


def test_a_member_tells_how_long_its_requests_take(tmp_path: Path) -> None:
    clock, sysfs = ManualClock(), plant("clean", tmp_path)
    stat = f"{MD}/dev-vda/block/stat"
    set_attribute(sysfs, stat, "0 0 0 0 0 0 0 0 0 0 0")
    watching = Lookout(sysfs, clock)
    watching.look()
    clock.advance(1)
    set_attribute(sysfs, stat, "10 0 80 20 10 0 80 60 0 0 0")
    [seen] = watching.look()
    member = describe(seen).members[0]
    assert (member.latency, member.read_rate) == (0.004, 40 * KIB)


def test_what_is_not_started_is_known_by_its_superblocks(tmp_path: Path) -> None:
    sysfs = plant("incremental", tmp_path)
    assert Lookout(sysfs, ManualClock()).look() == [], "it may be of any level"
    furnish(sysfs, "clean-1.2", "bcde")
    seen = look(sysfs)
    assert (seen.array.device, seen.array.running) == ("md127", False)


def test_other_levels_are_not_mirrors(tmp_path: Path) -> None:
    assert [seen.array.device for seen in Lookout(plant("other-level", tmp_path), ManualClock()).look()] == [
        "md0"
    ]
