"""A kernel's array in the words that every mirror is described in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mirrortui.api.mirrors import Mirror
from mirrortui.kernel.describe import describe
from mirrortui.kernel.lookout import Lookout, Seen
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.units import MIB
from tests.sysfs import furnish, plant, set_attribute

MD = "block/md0/md"


def seen(state: str, where: Path, **attributes: str) -> Seen:
    sysfs = plant(state, where)
    for name, value in attributes.items():
        set_attribute(sysfs, f"{MD}/{name}", value)
    return Lookout(sysfs, ManualClock()).look()[0]


def mirror(state: str, where: Path, **attributes: str) -> Mirror:
    return describe(seen(state, where, **attributes))


def rows(found: Mirror) -> list[tuple[str, int | None, str]]:
    return [(Path(m.path).name, m.slot, m.state) for m in found.members]


@pytest.mark.parametrize(
    ("state", "word", "action", "members"),
    [
        ("clean", "clean", "idle", [("vda", 0, "in_sync"), ("vdb", 1, "in_sync")]),
        ("active", "active", "idle", [("vda", 0, "in_sync"), ("vdb", 1, "in_sync")]),
        ("resync", "clean", "resync", [("vda", 0, "in_sync"), ("vdb", 1, "in_sync")]),
        ("check", "clean", "check", [("vda", 0, "in_sync"), ("vdb", 1, "in_sync")]),
        ("paused", "clean", "idle", [("vda", 0, "in_sync"), ("vdb", 1, "in_sync")]),
        ("spare", "clean", "idle", [("vda", 0, "in_sync"), ("vdb", 1, "in_sync"), ("vdc", None, "spare")]),
        ("failed", "degraded", "idle", [("vda", 0, "in_sync"), ("vdb", None, "faulty")]),
        (
            "recover",
            "degraded",
            "recover",
            [("vda", 0, "in_sync"), ("vdc", 1, "recovering"), ("vdb", None, "faulty")],
        ),
        (
            "replace",
            "clean",
            "recover",
            [("vda", 0, "in_sync"), ("vdb", 0, "replacing"), ("vdc", 1, "in_sync")],
        ),
        (
            "replaced",
            "clean",
            "idle",
            [("vdb", 0, "in_sync"), ("vdc", 1, "in_sync"), ("vda", None, "faulty")],
        ),
        ("readonly", "readonly", "idle", [("vdb", 0, "in_sync"), ("vdc", 1, "in_sync")]),
        ("last-copy", "failed", "idle", [("vdb", 0, "in_sync"), ("", 1, "missing")]),
    ],
)
def test_states(
    state: str, word: str, action: str, members: list[tuple[str, int | None, str]], tmp_path: Path
) -> None:
    found = mirror(state, tmp_path)
    assert (found.state, found.sync_action, rows(found)) == (word, action, members)
    assert (found.driver, found.device, found.uri) == ("kernel", str(tmp_path / "dev/md0"), "")
    assert (found.size, found.raid_disks, found.worker_pid) == (15 * MIB, 2, None)
    assert found.paused == (state == "paused")


def test_progress(tmp_path: Path) -> None:
    found = mirror("recover", tmp_path)
    assert found.sync and 0 < found.sync.completed < found.sync.total == found.size
    assert found.sync.eta_s == (found.sync.total - found.sync.completed) / found.sync.speed
    assert found.sync.reason == f"{tmp_path}/dev/vdc is being filled"
    assert found.sync.limit == "the speed set, 300 KiB/s"
    assert found.members[1].recovered == found.sync.completed
    assert found.map.startswith(".") and found.map.endswith("n") and found.map.count("s") == 1


def test_no_speed_no_end(tmp_path: Path) -> None:
    found = mirror("check", tmp_path, sync_speed="0")
    assert found.sync and (found.sync.speed, found.sync.eta_s, found.sync.limit) == (0, None, "")


@pytest.mark.parametrize(
    ("state", "attributes", "why"),
    [
        ("clean", {}, ""),
        ("check", {}, ""),
        ("failed", {}, "/vdb is faulty; one copy is left; add or re-add a member."),
        ("recover", {}, "/vdb is faulty; one copy is left; /vdc is being filled."),
        ("paused", {}, "Paused."),
        (
            "recover",
            {"sync_action": "frozen"},
            "/vdb is faulty; one copy is left; paused; /vdc is being filled.",
        ),
        (
            "resync",
            {"sync_completed": "delayed"},
            "Resync waits until another array on the same disks is done.",
        ),
        (
            "resync",
            {"array_state": "read-auto", "sync_action": "idle"},
            "A resync waits for the first write.",
        ),
        (
            "last-copy",
            {},
            "The last copy failed; the kernel refuses every write. What can still be read should be copied away.",
        ),
        ("failed", {"dev-vda/state": "faulty"}, "No copy is left; the kernel answers with errors."),
    ],
)
def test_why(state: str, attributes: dict[str, str], why: str, tmp_path: Path) -> None:
    assert mirror(state, tmp_path, **attributes).why.replace(f"{tmp_path}/dev", "") == why


def test_numbers(tmp_path: Path) -> None:
    found = mirror("clean", tmp_path, mismatch_cnt="256", **{"dev-vdb/errors": "3"})
    assert found.mismatches == 256 * 512
    assert [(m.read_errors, m.corrected, m.write_mostly) for m in found.members] == [
        (0, 0, False),
        (3, 3, True),
    ]
    assert describe(seen("clean", tmp_path / "2"), found_before=512).mismatches == 512


def test_bits_are_on_the_map(tmp_path: Path) -> None:
    sysfs = plant("failed", tmp_path)
    furnish(sysfs, "removed")
    [found] = Lookout(sysfs, ManualClock()).look()
    told = describe(found)
    assert told.bitmap and told.bitmap.dirty == told.map.count("d") == 2


def test_a_guided_recovery_copies_only_what_the_bitmap_lists(tmp_path: Path) -> None:
    sysfs = plant("recover", tmp_path)
    furnish(sysfs, "mid-re-add", "ac")
    told = describe(Lookout(sysfs, ManualClock()).look()[0])
    assert told.bitmap and told.bitmap.dirty
    assert 0 < told.map.count("n") <= told.bitmap.dirty
    for letter in "ac":  # the same without bitmaps that are known
        (sysfs.dev / f"vd{letter}").unlink()
    assert describe(Lookout(sysfs, ManualClock()).look()[0]).map.count("n") > told.bitmap.dirty


def test_what_is_not_started_says_what_it_has(tmp_path: Path) -> None:
    sysfs = plant("incremental", tmp_path)
    furnish(sysfs, "clean-1.2", "bc")
    told = describe(Lookout(sysfs, ManualClock()).look()[0])
    assert (told.state, rows(told), told.raid_disks) == ("failed", [("vdb", 0, "in_sync")], 2)
    assert (
        told.why
        == f"The kernel has 1 of 2 members and did not start it: mdadm --run {tmp_path}/dev/md127 would."
    )


def test_every_vacant_role_has_a_row(tmp_path: Path) -> None:
    sysfs = plant("failed", tmp_path)
    set_attribute(sysfs, f"{MD}/raid_disks", "4")
    found = describe(Lookout(sysfs, ManualClock()).look()[0])
    assert rows(found) == [
        ("vda", 0, "in_sync"),
        ("vdb", None, "faulty"),
        ("", 2, "missing"),
        ("", 3, "missing"),
    ]


def test_a_position_at_the_end_is_still_on_the_map(tmp_path: Path) -> None:
    found = seen("check", tmp_path)
    ended = dataclasses.replace(found.array, position=(found.array.size, found.array.size))
    assert describe(dataclasses.replace(found, array=ended)).map.endswith("s")
    empty = dataclasses.replace(found.array, position=(0, 0))
    assert describe(dataclasses.replace(found, array=empty)).map.startswith("s")
