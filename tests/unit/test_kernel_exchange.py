"""A mirror from one driver to the other: what must hold, what is told to mdadm, and what is left when that fails."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mirrortui.device import usage
from mirrortui.errors import InUseError, MemberError, MirrortuiError, RefusedError
from mirrortui.kernel import exchange, hand
from mirrortui.kernel.exchange import Exchange
from mirrortui.kernel.hand import Hand
from mirrortui.kernel.lookout import Lookout
from mirrortui.kernel.sysfs import Sysfs
from mirrortui.mirror.assembly.found import Found
from mirrortui.testing.manual_clock import ManualClock
from tests.golden import members
from tests.sysfs import attribute, furnish, plant, set_attribute, write_member

MD = "block/md0/md"


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand, "find_program", lambda name: f"/sbin/{name}")
    monkeypatch.setattr(exchange, "find_program", lambda name: None)


def golden(state: str, where: Path) -> list[Found]:
    paths = []
    for member in members(state):
        path = where / f"m{member.index}"
        write_member(path, member)
        paths.append(str(path))
    return exchange.read_members(paths)


def refused(call: Callable[[], object], kind: type[MirrortuiError] = RefusedError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    "state", ["clean-1.0", "clean-1.1", "clean-1.2", "no-bitmap", "three-way", "spare", "bad-blocks"]
)
def test_what_was_stopped_cleanly_is_taken(state: str, tmp_path: Path) -> None:
    exchange.check_handed_over(golden(state, tmp_path))


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("removed", "do not agree on who has which role"),
        ("failed", "has events"),
    ],
)
def test_what_the_kernel_would_leave_out_is_not_handed_over(state: str, why: str, tmp_path: Path) -> None:
    assert why in refused(lambda: exchange.check_handed_over(golden(state, tmp_path)))
    exchange.check_handed_over(golden(state, tmp_path)[:1])


def test_strangers_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    mixed = [golden("clean-1.2", tmp_path)[0], golden("three-way", tmp_path / "other")[1]]
    assert "belongs to another array" in refused(lambda: exchange.check_handed_over(mixed))


def test_a_bitmap_behind_its_superblock_is_told(tmp_path: Path) -> None:
    first, second = golden("clean-1.2", tmp_path)
    assert second.header
    behind = replace(second, header=replace(second.header, events=0))
    text = refused(lambda: exchange.check_handed_over([first, behind]))
    assert f"the bitmap of {second.path} is out of date" in text


def test_what_is_no_member_is_not_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "blank"
    path.write_bytes(bytes(1 << 20))
    assert "bears no MD superblock" in refused(lambda: exchange.read_members([str(path)]), MemberError)
    assert "has no members" in refused(lambda: exchange.read_members([]), MemberError)


def test_the_kernels_that_take_it(tmp_path: Path) -> None:
    def judged(state: str) -> str:
        return exchange.kernels([found.path for found in golden(state, tmp_path)])

    assert judged("clean-1.2") == "Linux 3.0 and later can assemble it."
    assert judged("bad-blocks") == "Linux 3.1 and later can assemble it."
    assert judged("mid-re-add") == "Linux 3.14 and later can assemble it."


def test_what_no_kernel_takes_is_not_handed_over(tmp_path: Path) -> None:
    paths = [found.path for found in golden("clean-1.2", tmp_path)]
    with Path(paths[1]).open("r+b") as file:
        file.seek(4096 + 216)
        file.write(b"\xff")
    assert "sb_csum" in refused(lambda: exchange.kernels(paths), MemberError)


def test_commands_can_be_pasted_into_a_shell() -> None:
    lines = exchange.commands("vault", ["/dev/sdb", "/srv/a b.img"], ["/srv/a b.img"])
    assert lines == [
        "loop1=$(losetup --find --show '/srv/a b.img')",
        'mdadm --assemble /dev/md/vault /dev/sdb "$loop1"',
    ]
    assert exchange.commands("vault", ["/dev/sdb"], [], "/dev/md7") == ["mdadm --assemble /dev/md7 /dev/sdb"]


class Machine:
    """A kernel and its tools that do what is told, or fail."""

    def __init__(self, sysfs: Sysfs, fails: str = "") -> None:
        self.sysfs = sysfs
        self.ran: list[str] = []
        self._fails = fails
        self.on_assemble: Callable[[], None] = lambda: None

    def _run(self, words: list[str]) -> str:
        words = [Path(words[0]).name, *words[1:]]
        self.ran.append(shlex.join(words))
        if self._fails and self._fails in self.ran[-1]:
            raise RefusedError(f"{words[0]} refused: no.")
        if words[1] == "--assemble":
            self.on_assemble()
        return f"/dev/loop{len(self.ran)}\n"

    @property
    def work(self) -> Exchange:
        return Exchange(self.sysfs, Hand(self._run))


def stopped(tmp_path: Path, fails: str = "") -> tuple[Machine, list[Found]]:
    """A kernel without the array, and its two members."""
    sysfs = plant("clean", tmp_path)
    paths = furnish(sysfs, "clean-1.2")
    state = sysfs.root / MD / "array_state"
    state.write_text("clear\n")
    machine = Machine(sysfs, fails)
    machine.on_assemble = lambda: set_attribute(sysfs, f"{MD}/array_state", "clean")
    return machine, exchange.read_members([str(path) for path in paths])


def test_assemble(tmp_path: Path) -> None:
    machine, found = stopped(tmp_path)
    array = machine.work.assemble("vault", found, [])
    assert array.device == "md0"
    assert machine.ran == [f"mdadm --assemble /dev/md/vault {found[0].path} {found[1].path}"]


def test_images_go_on_loop_devices(tmp_path: Path) -> None:
    machine, found = stopped(tmp_path)
    machine.work.assemble("vault", found, [found[1].path])
    assert machine.ran == [
        f"losetup --find --show {found[1].path}",
        f"mdadm --assemble /dev/md/vault {found[0].path} /dev/loop1",
    ]


def test_what_udev_assembled_already_is_taken_as_it_is(tmp_path: Path) -> None:
    machine, found = stopped(tmp_path)
    set_attribute(machine.sysfs, f"{MD}/array_state", "clean")
    assert machine.work.assemble("vault", found, [found[0].path]).device == "md0"
    assert machine.ran == []


def test_what_udev_began_is_cleared_first(tmp_path: Path) -> None:
    machine, found = stopped(tmp_path)
    set_attribute(machine.sysfs, f"{MD}/array_state", "inactive")
    seen: list[str] = []
    assembled = machine.on_assemble

    def assemble() -> None:
        seen.append(attribute(machine.sysfs, f"{MD}/array_state"))
        assembled()

    machine.on_assemble = assemble
    machine.work.assemble("vault", found, [])
    assert seen == ["clear"]


@pytest.mark.parametrize("fails", ["--assemble", f"--show {'{'}1{'}'}"])
def test_a_failed_assembly_leaves_no_loop_device_behind(fails: str, tmp_path: Path) -> None:
    names = [str(tmp_path / "dev" / name) for name in ("vda", "vdb")]
    machine, found = stopped(tmp_path, fails.format(*names))
    assert "refused: no" in refused(lambda: machine.work.assemble("vault", found, names))
    attached = [
        line for line in machine.ran[:2] if "--show" in line and not line.endswith(fails.format(*names)[7:])
    ]
    detached = [line for line in machine.ran if "--detach" in line]
    assert len(attached) == len(detached) > 0


def test_a_kernel_that_takes_too_few_is_stopped_again(tmp_path: Path) -> None:
    machine, found = stopped(tmp_path)
    set_attribute(machine.sysfs, f"{MD}/dev-vdb/state", "faulty")
    assert "took 1 of 2 members; it was stopped again" in refused(
        lambda: machine.work.assemble("vault", found, [])
    )
    assert attribute(machine.sysfs, f"{MD}/array_state") == "clear"


def test_a_kernel_that_does_not_start_it_is_told(tmp_path: Path) -> None:
    machine, found = stopped(tmp_path)
    machine.on_assemble = lambda: None
    assert "did not start it" in refused(lambda: machine.work.assemble("vault", found, []))


def test_stop_waits_until_the_members_are_free(tmp_path: Path) -> None:
    sysfs = plant("clean", tmp_path)
    array = sysfs.array("md0")
    assert array
    Machine(sysfs).work.stop(array, [])
    assert attribute(sysfs, f"{MD}/array_state") == "clear"


def test_a_kernel_that_does_not_let_go_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_GONE_WITHIN", 0.1)
    sysfs = plant("clean", tmp_path)
    array = sysfs.array("md0")
    assert array
    monkeypatch.setattr(Exchange, "_holds", lambda self, array: True)
    assert "has not let go of its members" in refused(lambda: Machine(sysfs).work.stop(array, []))


def test_loop_devices_that_we_made_are_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sysfs = plant("clean", tmp_path)
    paths = furnish(sysfs, "clean-1.2")
    array = sysfs.array("md0")
    assert array
    backing = {paths[0].stat().st_rdev: str(paths[1])}  # all images have the number 0 here
    monkeypatch.setattr(usage, "backing_file", lambda device: backing.get(device))
    machine = Machine(sysfs)
    assert machine.work.loops(array, [str(tmp_path / "elsewhere")]) == {}
    assert machine.work.loops(array, [str(paths[1])]) == {str(path): str(paths[1]) for path in paths}
    machine.work.stop(array, [str(paths[1])])
    assert machine.ran == [f"losetup --detach {path}" for path in paths]


def takeover(
    state: str, where: Path, golden_state: str = "clean-1.2", disks: str = "abc", **said: str
) -> list[str]:
    """What is noted before a takeover."""
    sysfs = plant(state, where)
    furnish(sysfs, golden_state, disks)
    for name, value in said.items():
        set_attribute(sysfs, f"{MD}/{name}", value)
    return [
        note.replace(str(sysfs.dev), "")
        for note in exchange.check_takeover(Lookout(sysfs, ManualClock()).look()[0])
    ]


def test_takeover_of_what_we_can_run(tmp_path: Path) -> None:
    assert takeover("clean", tmp_path / "1") == []
    assert takeover("failed", tmp_path / "2", "removed") == ["/vdb is faulty and stays out."]


@pytest.mark.parametrize("version", ["0.90", "external:imsm", "none"])
def test_takeover_of_other_formats_is_refused(version: str, tmp_path: Path) -> None:
    text = refused(lambda: takeover("clean", tmp_path, metadata_version=version))
    assert f"version {version}" in text


def test_takeover_of_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert "/vdb does not exist" in refused(lambda: takeover("clean", tmp_path, disks="a"))


def test_takeover_of_what_is_not_started_is_refused(tmp_path: Path) -> None:
    sysfs = plant("incremental", tmp_path)
    furnish(sysfs, "clean-1.2", "bc")
    seen = Lookout(sysfs, ManualClock()).look()[0]
    assert "not started" in refused(lambda: exchange.check_takeover(seen))


def test_takeover_of_what_is_used_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def used(array: object) -> None:
        raise InUseError("/dev/md0 is mounted on /srv.", hint="Unmount it first: umount /srv")

    monkeypatch.setattr(exchange, "check_unused", used)
    assert "mounted on /srv" in refused(lambda: takeover("clean", tmp_path), InUseError)
