"""What sysfs says of the kernel's arrays, as a real kernel said it (tests/interop/make_sysfs.py)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirrortui.kernel.sysfs import KernelArray, Limit, Sysfs
from mirrortui.units import KIB, MIB
from tests.sysfs import plant, set_attribute

MD = "block/md0/md"


def array(state: str, where: Path, device: str = "md0") -> KernelArray:
    found = plant(state, where).array(device)
    assert found
    return found


def members(found: KernelArray) -> list[tuple[str, int | None, str]]:
    """Disk, role and what it is."""
    words = {"faulty": "faulty", "in_sync": "in sync", "replacement": "replacement", "filling": "filling"}
    return [
        (Path(m.path).name, m.slot, next((word for test, word in words.items() if getattr(m, test)), "spare"))
        for m in found.members
    ]


def test_a_clean_array(tmp_path: Path) -> None:
    found = array("clean", tmp_path)
    assert (found.device, found.level, found.state, found.metadata) == ("md0", "raid1", "clean", "1.2")
    assert found.path == str(tmp_path / "dev/md0")
    assert (found.raid_disks, found.degraded, found.size) == (2, 0, 15 * MIB)
    assert len(found.uuid) == 35 and found.uuid.count(":") == 3
    assert (found.action, found.position, found.delayed, found.mismatches) == ("idle", None, False, 0)
    assert (found.resync_start, found.check_start, found.bitmap_chunk) == (None, 0, 64 * KIB)
    assert found.speed_min == Limit(1000 * KIB, own=False)
    assert found.speed_max == Limit(200_000 * KIB, own=False)
    assert members(found) == [("vda", 0, "in sync"), ("vdb", 1, "in sync")]
    assert [m.size for m in found.members] == [16 * MIB] * 2
    assert ["write_mostly" in m.flags for m in found.members] == [False, True]
    assert found.traffic.writes == 1 and found.traffic.write_bytes == 4096
    assert found.members[0].traffic.write_bytes > 4096  # superblock and bitmap, too


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("failed", [("vda", 0, "in sync"), ("vdb", None, "faulty")]),
        ("spare", [("vda", 0, "in sync"), ("vdb", 1, "in sync"), ("vdc", None, "spare")]),
        ("recover", [("vda", 0, "in sync"), ("vdc", 1, "filling"), ("vdb", None, "faulty")]),
        ("replace", [("vda", 0, "in sync"), ("vdb", 0, "replacement"), ("vdc", 1, "in sync")]),
        ("replaced", [("vdb", 0, "in sync"), ("vdc", 1, "in sync"), ("vda", None, "faulty")]),
    ],
)
def test_members(state: str, expected: list[tuple[str, int | None, str]], tmp_path: Path) -> None:
    assert members(array(state, tmp_path)) == expected


@pytest.mark.parametrize("state", ["resync", "check", "recover", "replace"])
def test_what_runs(state: str, tmp_path: Path) -> None:
    found = array(state, tmp_path)
    assert found.action == ("recover" if state == "replace" else state)
    assert found.position
    done, total = found.position
    assert 0 < done < total == found.size
    assert found.speed > 0
    assert found.speed_max == Limit(300 * KIB, own=True)


def test_a_paused_check_knows_where_it_was(tmp_path: Path) -> None:
    found = array("paused", tmp_path)
    assert (found.action, found.position) == ("frozen", None)
    assert 0 < found.check_start < found.size


def test_one_that_waits_for_another_has_no_position(tmp_path: Path) -> None:
    sysfs = plant("recover", tmp_path)
    set_attribute(sysfs, f"{MD}/sync_completed", "delayed")
    found = sysfs.array("md0")
    assert found and found.delayed and found.position is None


def test_states_of_the_whole(tmp_path: Path) -> None:
    assert array("readonly", tmp_path / "1").readonly
    assert array("last-copy", tmp_path / "2").state == "broken"
    started = array("incremental", tmp_path / "3", "md127")
    assert (started.running, started.level, started.uuid, started.raid_disks) == (False, "", "", 0)
    assert [m.size for m in started.members] == [16 * MIB]


def test_other_levels_are_told_by_their_level(tmp_path: Path) -> None:
    assert {a.device: a.level for a in plant("other-level", tmp_path).arrays()} == {
        "md0": "raid1",
        "md1": "raid10",
    }


@pytest.mark.parametrize("content", ["", "¿", "-1", f"{1 << 70} / 0 / x", "none", " "])
@pytest.mark.parametrize("state", ["replace", "paused", "incremental"])
def test_attributes_may_be_senseless(state: str, content: str, tmp_path: Path) -> None:
    sysfs = plant(state, tmp_path)
    for path in sysfs.root.glob("devices/**/*"):
        if path.is_file() and path.name != "array_state":
            path.write_text(content)
    sysfs.arrays()


def test_attributes_may_be_missing(tmp_path: Path) -> None:
    """Kernels differ, and an array may go away while it is read."""
    sysfs = plant("replace", tmp_path)
    for path in sorted(sysfs.root.glob("devices/virtual/**/md/**/*")):
        if path.is_file():
            path.unlink()
            sysfs.arrays()


def test_no_md_no_arrays(tmp_path: Path) -> None:
    sysfs = Sysfs(tmp_path, tmp_path)
    assert (sysfs.has_md, sysfs.arrays(), sysfs.array("md0")) == (False, [], None)
    set_attribute(sysfs, "module/md_mod/refcnt", "0")
    assert (sysfs.has_md, sysfs.arrays()) == (True, [])
    assert plant("clean", tmp_path / "built-in").has_md


def test_a_member_is_found_however_it_is_spelt(tmp_path: Path) -> None:
    found = array("clean", tmp_path)
    disk = tmp_path / "dev/vdb"
    disk.touch()
    (tmp_path / "by-id").symlink_to(disk)
    assert found.find(str(disk)) is found.find(str(tmp_path / "by-id")) is found.members[1]
    assert found.find(os.devnull) is None


def test_a_slash_in_a_name(tmp_path: Path) -> None:
    sysfs = plant("clean", tmp_path)
    link = sysfs.root / MD / "dev-vda/block"
    target = link.readlink().with_name("cciss!c0d0")
    link.unlink()
    link.symlink_to(target)
    assert sysfs.arrays()[0].members[0].path == str(tmp_path / "dev/cciss/c0d0")
