"""One member of a dead box: its data is served, to clients that nobody here wrote too, and not one byte is written."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mirrortui.device.base import Extent
from mirrortui.device.probe import Peek
from mirrortui.errors import MirrortuiError
from mirrortui.format.inspect import examine
from mirrortui.format.superblock import ROLE_FAULTY, Feature, Superblock
from mirrortui.nbd.client import NbdClient
from mirrortui.units import KIB, MIB, SECTOR
from tests.devices import loop_device, needs_root
from tests.e2e.conftest import PATIENCE, World
from tests.e2e.refusals import REFUSED, USAGE, assert_hinted, assert_refused, untouched
from tests.golden import GoldenMember, members
from tests.support import needs

pytestmark = pytest.mark.slow
VERSIONS = ["legacy/clean", "clean-1.0", "clean-1.1", "clean-1.2"]


class Rescue:
    """`mirrortui export MEMBER --readonly` while the `with` lasts."""

    def __init__(self, world: World, member: Path, *options: str) -> None:
        self._process = world.start("mirrortui.cli.main", "export", str(member), "--readonly", *options)
        self.told = ""
        """stderr, at the end."""

    def __enter__(self) -> Rescue:
        assert self._process.stdout
        self.uri = self._process.stdout.readline().decode().strip()
        if not self.uri:
            _, told = self._process.communicate(timeout=PATIENCE)
            raise AssertionError(f"it does not serve: {told.decode()}")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self.told = self._process.communicate(timeout=PATIENCE)[1].decode()
        assert self._process.returncode == 0, self.told


def superblock_of(path: Path) -> Superblock:
    with Peek(str(path)) as peek:
        found = examine(peek.read, peek.size).superblock
    assert found
    return found


def fill(path: Path, member: GoldenMember, seed: int = 7) -> bytes:
    """An image of the member with random data, the last MiB a hole; the data."""
    member.write(path)
    sb = superblock_of(path)
    content: bytes = random.Random(seed).randbytes(sb.size * SECTOR - MIB)
    with path.open("r+b") as file:
        file.seek(sb.data_offset * SECTOR)
        file.write(content)
    return content + bytes(MIB)


def change(path: Path, change: Superblock) -> None:
    with path.open("r+b") as file:
        file.seek(change.super_offset * SECTOR)
        file.write(change.encode())


@pytest.mark.parametrize(
    "state", [*VERSIONS, "unclean", "removed", "no-bitmap", "write-mostly", "three-way-removed"]
)
def test_what_an_image_holds(world: World, state: str) -> None:
    path = world.place / "dead.img"
    data = fill(path, members(state)[0])
    path.chmod(0o444)
    before = path.stat().st_mtime_ns
    with untouched(path):
        with Rescue(world, path) as rescue:
            with NbdClient.connect(rescue.uri) as client:
                assert client.size == len(data)
                step = 4 * MIB
                got = b"".join(client.read(at, min(step, len(data) - at)) for at in range(0, len(data), step))
                assert got == data
                holes = [extent for extent in client.block_status(0, len(data)) if extent.hole]
                assert sum(extent.length for extent in holes) >= MIB - 64 * KIB
                with pytest.raises(MirrortuiError, match="read-only"):
                    client.write(0, b"x" * 4096)
                with pytest.raises(MirrortuiError, match="read-only"):
                    client.trim(0, 4096)
                client.flush()
            socket = Path(rescue.uri.partition("socket=")[2])
            assert socket.exists()
        assert not socket.parent.exists()
    assert path.stat().st_mtime_ns == before
    assert not world.paths.socket.exists(), "an engine was started"
    assert "another member may hold newer data" in rescue.told


@pytest.mark.interop
@pytest.mark.parametrize("state", VERSIONS)
def test_a_write_protected_device(world: World, state: str) -> None:
    needs_root()
    needs("losetup", "nbdcopy", "qemu-img", "blockdev")
    image, copy, other = (world.place / name for name in ("dead.img", "copy.img", "other.img"))
    data = fill(image, members(state)[0])
    with loop_device(image, "--read-only") as device, untouched(image, Path(device)):
        assert subprocess.check_output(["blockdev", "--getro", device], timeout=PATIENCE).strip() == b"1"
        with Rescue(world, Path(device)) as rescue:
            subprocess.run(["nbdcopy", rescue.uri, copy], check=True, timeout=PATIENCE)
            words = ["qemu-img", "convert", "-f", "raw", "-O", "raw", rescue.uri, str(other)]
            subprocess.run(words, check=True, timeout=PATIENCE)
        assert copy.read_bytes() == data
        assert other.read_bytes() == data


@pytest.mark.interop
def test_a_file_system_on_it_is_read(world: World) -> None:
    """The way of an owner: the box is dead, one disk is left."""
    needs("mkfs.ext4", "debugfs", "nbdcopy")
    world.create("vault", 32 * MIB)
    files, fs, copy = (world.place / name for name in ("files", "fs.img", "copy.img"))
    files.mkdir()
    (files / "letter").write_text("dear reader\n")
    uri = world.client.mirror("vault").uri
    with NbdClient.connect(uri) as client:
        size = client.size
    make = ["mkfs.ext4", "-q", "-d", str(files), str(fs), f"{size // KIB}k"]
    subprocess.run(make, check=True, timeout=PATIENCE)
    subprocess.run(["nbdcopy", "--flush", fs, uri], check=True, timeout=PATIENCE)
    world.kill_all()  # no clean stop
    (world.place / "a.img").unlink()
    with untouched(world.place / "b.img"), Rescue(world, world.place / "b.img") as rescue:
        subprocess.run(["nbdcopy", rescue.uri, copy], check=True, timeout=PATIENCE)
    shown = subprocess.check_output(["debugfs", "-R", "cat letter", copy], timeout=PATIENCE)
    assert shown == b"dear reader\n"


def readable(client: NbdClient, size: int, step: int = 64 * KIB) -> list[tuple[int, int]]:
    """First byte and end of what can be read, found by reading all."""
    found: list[tuple[int, int]] = []
    for at in range(0, size, step):
        try:
            client.read(at, min(step, size - at))
        except MirrortuiError:
            continue
        if found and found[-1][1] == at:
            found[-1] = found[-1][0], at + step
        else:
            found.append((at, at + step))
    return found


def test_of_one_that_was_being_filled_only_the_good_part_is_read(world: World) -> None:
    path = world.place / "half.img"
    fill(path, members("mid-recovery")[1])
    sb = superblock_of(path)
    good, size = sb.recovery_offset * SECTOR, sb.size * SECTOR
    assert 0 < good < size
    with untouched(path), Rescue(world, path) as rescue, NbdClient.connect(rescue.uri) as client:
        assert readable(client, size) == [(0, good)]
        assert client.block_status(good, size - good) == [Extent(good, size - good, hole=False)]
    assert "cannot be read from this member" in rescue.told


def test_of_one_that_was_re_added_what_had_not_changed_is_read_too(world: World) -> None:
    path = world.place / "half.img"
    fill(path, members("mid-re-add")[1])
    sb = superblock_of(path)
    assert Feature.RECOVERY_BITMAP in sb.feature_map
    with Peek(str(path)) as peek:
        summary = examine(peek.read, peek.size).bitmap
    assert summary
    with Rescue(world, path) as rescue, NbdClient.connect(rescue.uri) as client:
        good = sum(hi - lo for lo, hi in readable(client, sb.size * SECTOR))
    beyond = sb.size * SECTOR - good
    assert 0 < beyond <= summary.dirty * summary.header.chunksize
    assert good > sb.recovery_offset * SECTOR


def test_bad_blocks_are_errors_and_not_holes(world: World) -> None:
    path = world.place / "bad.img"
    data = fill(path, members("bad-blocks")[1])
    sb = superblock_of(path)
    first = (22048 - sb.data_offset) * SECTOR
    with Rescue(world, path) as rescue, NbdClient.connect(rescue.uri) as client:
        assert client.read(first - SECTOR, SECTOR) == data[first - SECTOR : first]
        for at in (first, first + 15 * SECTOR):
            with pytest.raises(MirrortuiError, match="Input/output error"):
                client.read(at, SECTOR)
        assert client.read(first + 16 * SECTOR, SECTOR) == data[first + 16 * SECTOR : first + 17 * SECTOR]
        assert not any(extent.hole for extent in client.block_status(first, MIB))


@pytest.mark.interop
def test_a_copy_with_a_bad_part_fails_aloud(world: World) -> None:
    needs("nbdcopy")
    path = world.place / "half.img"
    fill(path, members("mid-recovery")[1])
    with Rescue(world, path) as rescue:
        words = ["nbdcopy", rescue.uri, str(world.place / "copy.img")]
        done = subprocess.run(words, capture_output=True, timeout=PATIENCE)
    assert done.returncode != 0
    assert b"Input/output error" in done.stderr


LEVELS = {
    "raid0": "RAID-0",
    "raid4": "RAID-4",
    "raid5": "RAID-5",
    "raid6": "RAID-6",
    "raid10": "RAID-10",
    "linear": "linear",
    "journal": "RAID-5",
    "ppl": "partial parity log",
    "reshape": "a reshape under way",
}


def assert_not_served(world: World, path: Path, *told: str) -> None:
    with untouched(path):
        outcome = world.try_to("export", path, "--readonly")
    assert_refused(outcome, REFUSED, *told)
    assert_hinted(outcome)


@pytest.mark.parametrize("state", LEVELS)
def test_what_is_no_mirror_is_refused_by_name(world: World, state: str) -> None:
    path = world.place / "foreign.img"
    members(f"foreign/{state}")[0].write(path)
    assert_not_served(world, path, LEVELS[state])


@pytest.mark.parametrize("state", ["raid5", "linear"])
def test_an_old_one_too(world: World, state: str) -> None:
    path = world.place / "foreign.img"
    members(f"legacy/{state}")[0].write(path)
    assert_not_served(world, path, {"raid5": "RAID-5", "linear": "linear"}[state])


def test_unknown_feature_bits_may_mean_that_the_data_is_elsewhere(world: World) -> None:
    path = world.place / "future.img"
    members("clean-1.2")[0].write(path)
    sb = superblock_of(path)
    change(path, replace(sb, feature_map=sb.feature_map | Feature(0x4000)))
    assert_not_served(world, path, "unknown feature bits 0x4000")


def test_a_clustered_bitmap_lies_beside_the_data(world: World) -> None:
    path = world.place / "node.img"
    data = fill(path, members("clean-1.2")[0])
    sb = superblock_of(path)
    change(path, replace(sb, feature_map=sb.feature_map | Feature.CLUSTERED))
    with untouched(path), Rescue(world, path) as rescue, NbdClient.connect(rescue.uri) as client:
        assert client.read(0, MIB) == data[:MIB]
    assert "a clustered bitmap" in rescue.told


def test_a_broken_bitmap_is_not_needed(world: World) -> None:
    path = world.place / "torn.img"
    data = fill(path, members("clean-1.2")[0])
    with path.open("r+b") as file:
        file.seek(superblock_of(path).bitmap_sector * SECTOR)
        file.write(b"garbage!" * 512)
    with untouched(path), Rescue(world, path) as rescue, NbdClient.connect(rescue.uri) as client:
        assert client.read(0, MIB) == data[:MIB]


def test_who_holds_no_copy(world: World) -> None:
    spare, faulty = world.place / "spare.img", world.place / "faulty.img"
    members("spare")[2].write(spare)
    members("clean-1.2")[0].write(faulty)
    sb = superblock_of(faulty)
    change(faulty, replace(sb, dev_roles=(ROLE_FAULTY, *sb.dev_roles[1:])))
    old = world.place / "old.img"
    members("legacy/spare")[2].write(old)
    for path, role in ((spare, "spare"), (faulty, "faulty"), (old, "spare")):
        assert_not_served(world, path, "holds no copy of the data", role)


def test_damage_is_named(world: World) -> None:
    path = world.place / "hit.img"
    members("clean-1.2")[0].write(path)
    with path.open("r+b") as file:
        file.seek(4096 + 40)
        file.write(b"\x01")
    assert_not_served(world, path, "field sb_csum", "mirrortui examine says more")
    blank = world.image("blank.img")
    assert_not_served(world, blank, "no MD superblock")


def test_a_member_in_use(world: World) -> None:
    world.create()
    assert_not_served(world, world.place / "a.img", "is in use")


def test_addresses_and_words(world: World) -> None:
    path = world.place / "dead.img"
    data = fill(path, members("clean-1.2")[0])
    socket = world.place / "chosen.sock"
    with Rescue(world, path, "--unix", str(socket)) as rescue, NbdClient.connect(rescue.uri) as client:
        assert rescue.uri.endswith(f"?socket={socket}")
        assert client.read(0, 512) == data[:512]
    assert not socket.exists()
    with Rescue(world, path, "--tcp", "127.0.0.1:0") as rescue, NbdClient.connect(rescue.uri) as client:
        assert rescue.uri.startswith("nbd://127.0.0.1:")
        assert client.read(0, 512) == data[:512]
    assert_refused(world.try_to("export", "./dead.img"), USAGE, "only ever served read-only", "--readonly")
    outcome = world.try_to("export", "dead.img", "--readonly")
    assert_refused(outcome, USAGE, "mirrortui export ./dead.img --readonly")
    words = ["--readonly", "--unix", "x.sock", "--tcp", "127.0.0.1:0"]
    assert_refused(
        world.try_to("export", "./dead.img", *words), USAGE, "either --unix PATH or --tcp HOST:PORT"
    )
    assert_refused(world.try_to("export", "./nothing", "--readonly"), REFUSED, "./nothing does not exist")


def test_for_scripts(world: World) -> None:
    path = world.place / "half.img"
    fill(path, members("mid-recovery")[1])
    sb = superblock_of(path)
    process = world.start("mirrortui.cli.main", "export", str(path), "--readonly", "--json")
    assert process.stdout
    lines = [process.stdout.readline()]
    while lines[-1] not in (b"", b"}\n"):
        lines.append(process.stdout.readline())
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    facts = json.loads(b"".join(lines))
    assert facts["size"] == sb.size * SECTOR
    assert facts["unreadable"] == (sb.size - sb.recovery_offset) * SECTOR
    assert facts["uri"].startswith("nbd+unix:///")
