"""The verbs on a kernel's array: what is planned, refused, written to sysfs and asked of mdadm."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mirrortui.api.requests import MemberRequest, ReplaceRequest, SpeedRequest, SyncRequest
from mirrortui.api.vocabulary import SyncVerb
from mirrortui.device import usage
from mirrortui.device.probe import Probe
from mirrortui.device.signatures import Signature
from mirrortui.errors import (
    ChangedError,
    DivergedError,
    InUseError,
    MemberError,
    MirrortuiError,
    NotFoundError,
    RefusedError,
)
from mirrortui.kernel import hand, verbs
from mirrortui.kernel.hand import Hand
from mirrortui.kernel.lookout import Lookout, Seen
from mirrortui.kernel.metadata import read_member
from mirrortui.kernel.sysfs import Sysfs
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.units import KIB, MIB
from tests import golden
from tests.sysfs import attribute, furnish, plant, set_attribute, write_member

MD = "block/md0/md"


@dataclass
class Stage:
    """A kernel that believes whatever is written, and an mdadm that does nothing."""

    sysfs: Sysfs
    ran: list[list[str]] = field(default_factory=list)

    def _run(self, words: list[str]) -> str:
        self.ran.append([Path(words[0]).name, *words[1:]])
        return ""

    @property
    def hand(self) -> Hand:
        return Hand(self._run)

    @property
    def seen(self) -> Seen:
        return Lookout(self.sysfs, ManualClock()).look()[0]

    def dev(self, name: str) -> str:
        return str(self.sysfs.dev / name)

    def change(self, verb: str, name: str, *, force: bool = False) -> verbs.Prepared:
        request = MemberRequest(member=self.dev(name), force=force)
        return verbs.change(self.seen, verb, request, self.hand)

    def sync(self, action: SyncVerb, paused: SyncVerb | None = None) -> verbs.Prepared:
        return verbs.sync(self.seen, SyncRequest(action=action), self.hand, paused)

    def says(self, name: str) -> str:
        return attribute(self.sysfs, f"{MD}/{name}")


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand, "find_program", lambda name: f"/sbin/{name}")


@pytest.fixture
def stage(tmp_path: Path) -> Callable[[str], Stage]:
    return lambda state: Stage(plant(state, tmp_path))


def refused(call: Callable[[], object], kind: type[MirrortuiError] = RefusedError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def test_fail(stage: Callable[[str], Stage]) -> None:
    play = stage("clean")
    done = play.change("fail", "vdb")
    plan = done.plan
    assert (plan.verb, plan.mirror, plan.confirm, plan.copies) == ("fail", "md0", "name", "nothing")
    assert plan.afterwards == "1 of 2 copies: if that one fails, the data is lost"
    assert plan.command == f"mirrortui fail md0 {play.dev('vdb')} --yes"
    assert play.says("dev-vdb/state") == "in_sync,write_mostly", "a plan does nothing"
    done.act()
    assert play.says("dev-vdb/state") == "faulty"
    assert play.says("dev-vda/state") == "in_sync"
    assert done.told.kind == "member-failed"


def test_the_last_copy_is_not_failed(stage: Callable[[str], Stage]) -> None:
    """I5. The kernel refuses it too, and then refuses every write."""
    play = stage("failed")
    assert "the last member of md0 that is in sync" in refused(lambda: play.change("fail", "vda"))
    assert "out of md0 already" in refused(lambda: play.change("fail", "vdb"))
    assert "has no member" in refused(lambda: play.change("fail", "vdx"), NotFoundError)


def test_what_is_being_filled_or_spare_may_fail(stage: Callable[[str], Stage]) -> None:
    assert stage("recover").change("fail", "vdc").plan.confirm == "yes"


def test_a_spare_goes_without_a_question(stage: Callable[[str], Stage]) -> None:
    play = stage("spare")
    assert play.change("fail", "vdc").plan.confirm == "none"
    done = play.change("remove", "vdc")
    assert done.plan.confirm == "none"
    done.act()
    assert play.says("dev-vdc/state") == "remove"


def test_remove(stage: Callable[[str], Stage]) -> None:
    play = stage("failed")
    assert "in sync" in refused(lambda: play.change("remove", "vda"))
    play.change("remove", "vdb").act()
    assert play.says("dev-vdb/state") == "remove"


def candidate(
    play: Stage, monkeypatch: pytest.MonkeyPatch, *signatures: Signature, size: int = 16 * MIB
) -> None:
    """vdd is a block device that may be taken."""
    path = play.dev("vdd")
    found = Probe(path, path, "block device", size, 512, signatures, not signatures, None, False, None)
    monkeypatch.setattr(verbs, "newcomer", lambda path, force, name, uuid: found)


def test_add(stage: Callable[[str], Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    play = stage("failed")
    candidate(play, monkeypatch)
    done = play.change("add", "vdd")
    assert done.plan.copies == f"everything (15.0 MiB) from {play.dev('vda')} to {play.dev('vdd')}"
    assert (done.plan.confirm, done.plan.afterwards) == ("none", "2 of 2 copies")
    done.act()
    assert play.ran == [["mdadm", "--manage", play.dev("md0"), "--add", play.dev("vdd")]]


def test_add_to_a_whole_array_is_a_spare(
    stage: Callable[[str], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    play = stage("clean")
    candidate(play, monkeypatch)
    assert play.change("add", "vdd").plan.copies == "nothing: it waits as a spare"


def test_a_former_life_is_forgotten_before_it_is_filled(
    stage: Callable[[str], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    play = stage("failed")
    candidate(play, monkeypatch, Signature("MD 1.2", "array x", 4096), Signature("ext4", "label y", 1024))
    done = play.change("add", "vdd", force=True)
    assert done.plan.confirm == "name" and len(done.plan.erases) == 2
    done.act()
    assert [words[1] for words in play.ran] == ["--zero-superblock", "--manage"]


@pytest.mark.parametrize("size", [15 * MIB - 512, 1])
def test_what_is_too_small_is_not_taken(
    size: int, stage: Callable[[str], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    play = stage("failed")
    candidate(play, monkeypatch, size=size)
    assert "too small for md0" in refused(lambda: play.change("add", "vdd"), MemberError)


def test_an_image_is_no_block_device(stage: Callable[[str], Stage]) -> None:
    play = stage("failed")
    Path(play.dev("vdd")).write_bytes(bytes(16 * MIB))
    assert "losetup --find --show" in refused(lambda: play.change("add", "vdd"), MemberError)


@pytest.mark.parametrize("verb", ["add", "re-add"])
def test_without_mdadm_the_package_is_named(
    verb: str, stage: Callable[[str], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand, "find_program", lambda name: None)
    play = stage("failed")
    text = refused(lambda: play.change(verb, "vdd"))
    assert "mdadm is not installed" in text and "Install the package mdadm" in text
    play.change("remove", "vdb").act()  # which sysfs alone can


def test_re_add_copies_what_the_bitmap_lists(stage: Callable[[str], Stage]) -> None:
    play = stage("failed")
    furnish(play.sysfs, "removed")
    done = play.change("re-add", "vdb")
    vda, vdb = play.dev("vda"), play.dev("vdb")
    assert done.plan.copies == f"2 of 240 chunks (128 KiB) from {vda} to {vdb}"
    done.act()
    assert play.says("dev-vdb/state") == "remove"
    assert play.ran == [["mdadm", "--manage", play.dev("md0"), "--re-add", vdb]]


def test_re_add_refuses_what_the_bitmap_cannot_know(stage: Callable[[str], Stage], tmp_path: Path) -> None:
    play = stage("failed")
    furnish(play.sysfs, "removed")
    write_member(play.sysfs.dev / "vdd", golden.members("clean-1.2")[1])
    assert "it belongs to another array" in refused(lambda: play.change("re-add", "vdd"))
    furnish(play.sysfs, "spare")
    assert "it was a spare" in refused(lambda: play.change("re-add", "vdc"))
    (play.sysfs.dev / "vdd").write_bytes(bytes(1 << 20))
    assert "bears no MD superblock" in refused(lambda: play.change("re-add", "vdd"), MemberError)


def test_re_add_refuses_one_that_is_too_old(stage: Callable[[str], Stage]) -> None:
    play = stage("failed")
    furnish(play.sysfs, "removed")
    seen = play.seen
    assert seen.metadata.freshest and seen.metadata.freshest.header
    later = replace(
        seen.metadata.freshest, header=replace(seen.metadata.freshest.header, events_cleared=10**6)
    )
    seen = replace(seen, metadata=replace(seen.metadata, found=(later,)))
    request = MemberRequest(member=play.dev("vdb"))
    assert "it is too old" in refused(lambda: verbs.change(seen, "re-add", request, play.hand))


def test_halves_that_were_used_apart_are_not_joined(stage: Callable[[str], Stage]) -> None:
    """I10, where md joins them and copies only what one of the two wrote."""
    play = stage("failed")
    furnish(play.sysfs, "removed")
    seen = play.seen
    [ours] = seen.metadata.found
    table = ours.superblock.dev_roles
    apart = replace(  # vda too calls vdb gone; what vdb says of vda is what vda says of vdb
        read_member(play.dev("vdb")).superblock,
        dev_roles=(table[1], table[0] + 1, *table[2:]),
        events=ours.superblock.events,
    )
    path = play.sysfs.dev / "vdb"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(apart.encode())
    text = refused(lambda: play.change("re-add", "vdb"), DivergedError)
    assert "has diverged" in text and "--survivor" in text
    assert play.ran == [] and play.says("dev-vdb/state") == "faulty,write_mostly"


@pytest.mark.parametrize("action", ["idle", "frozen"])
def test_nobody_is_filled_before_the_copies_are_equal(
    action: str, stage: Callable[[str], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """md fills the newcomer first and clears the bits that the resync needs (I6)."""
    play = stage("spare")
    candidate(play, monkeypatch)
    furnish(play.sysfs, "spare")
    set_attribute(play.sysfs, f"{MD}/resync_start", "0")
    set_attribute(play.sysfs, f"{MD}/sync_action", action)
    request = ReplaceRequest(member=play.dev("vda"), replacement=play.dev("vdc"))
    assert "forget where they differ" in refused(lambda: verbs.replace(play.seen, request, play.hand))
    assert "forget where they differ" in refused(lambda: play.change("add", "vdd"))
    set_attribute(play.sysfs, f"{MD}/sync_action", "resync")
    assert play.change("add", "vdd").plan.verb == "add", "it waits until the resync is done"


def test_replace_by_a_new_device(stage: Callable[[str], Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    play = stage("clean")
    candidate(play, monkeypatch)
    vda, vdd, md = play.dev("vda"), play.dev("vdd"), play.dev("md0")
    done = verbs.replace(play.seen, ReplaceRequest(member=vda, replacement=vdd), play.hand)
    assert done.plan.command == f"mirrortui replace md0 {vda} --with {vdd}"
    assert done.plan.meanwhile == f"2 of 2 copies: {vda} serves until {vdd} is filled"
    done.act()
    assert play.ran == [
        ["mdadm", "--manage", md, "--add-spare", vdd],
        ["mdadm", "--manage", md, "--replace", vda, "--with", vdd],
    ]


def test_replace_by_a_spare(stage: Callable[[str], Stage]) -> None:
    play = stage("spare")
    request = ReplaceRequest(member=play.dev("vda"), replacement=play.dev("vdc"))
    done = verbs.replace(play.seen, request, play.hand)
    assert (done.plan.confirm, done.plan.erases) == ("yes", [])
    done.act()
    assert [words[3] for words in play.ran] == ["--replace"]


@pytest.mark.parametrize(
    ("state", "member", "new", "why"),
    [
        ("replace", "vda", "vdd", "is being replaced already"),
        ("failed", "vdb", "vdd", "is out; there is nothing to replace"),
        ("recover", "vdc", "vdd", "not in sync"),
        ("clean", "vda", "vdb", "is a member of md0 already"),
    ],
)
def test_replace_refuses(state: str, member: str, new: str, why: str, stage: Callable[[str], Stage]) -> None:
    play = stage(state)
    request = ReplaceRequest(member=play.dev(member), replacement=play.dev(new))
    assert why in refused(lambda: verbs.replace(play.seen, request, play.hand))


@pytest.mark.parametrize(("action", "confirm"), [("check", "none"), ("repair", "yes")])
def test_check_and_repair(action: SyncVerb, confirm: str, stage: Callable[[str], Stage]) -> None:
    play = stage("clean")
    set_attribute(play.sysfs, f"{MD}/sync_min", "2048")
    done = play.sync(action)
    assert (done.plan.verb, done.plan.confirm) == (action, confirm)
    assert bool(done.plan.erases) == (action == "repair")
    done.act()
    assert [play.says(name) for name in ("sync_action", "sync_min", "sync_max")] == [action, "0", "max"]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("recover", "A recover runs on md0 already"),
        ("paused", "md0 is paused"),
        ("failed", "one copy: there is nothing to compare it with"),
        ("readonly", "read-only"),
    ],
)
def test_check_refuses(state: str, why: str, stage: Callable[[str], Stage]) -> None:
    assert why in refused(lambda: stage(state).sync("check"))


def test_nobody_tells_the_kernel_who_is_right(stage: Callable[[str], Stage]) -> None:
    play = stage("clean")
    request = SyncRequest(action="repair", winner=play.dev("vda"))
    assert "chooses itself whose copy is right" in refused(
        lambda: verbs.sync(play.seen, request, play.hand, None)
    )


def test_pause_resume_and_cancel_a_check(stage: Callable[[str], Stage], tmp_path: Path) -> None:
    play = stage("check")
    play.sync("pause").act()
    assert play.says("sync_action") == "frozen"
    play.sync("cancel", "check").act()
    assert (play.says("sync_action"), play.says("sync_min")) == ("idle", "0")

    again = Stage(plant("paused", tmp_path / "again"))
    done = again.sync("resume", "repair")
    assert done.plan.title == "Resume the repair of md0"
    done.act()
    assert again.says("sync_action") == "repair"
    set_attribute(again.sysfs, f"{MD}/sync_action", "frozen")
    again.sync("resume", None).act()
    assert again.says("sync_action") == "check", "what nobody remembers is not a repair"
    set_attribute(again.sysfs, f"{MD}/sync_action", "frozen")
    set_attribute(again.sysfs, f"{MD}/sync_min", "0")
    again.sync("resume", None).act()
    assert again.says("sync_action") == "idle"


def test_what_the_kernel_must_copy_is_paused_and_not_cancelled(stage: Callable[[str], Stage]) -> None:
    play = stage("recover")
    assert "begins again" in refused(lambda: play.sync("cancel"))
    assert "stays as it is: 1 of 2" in play.sync("pause").plan.notes[0]
    assert "is not paused" in refused(lambda: play.sync("resume"))
    set_attribute(play.sysfs, f"{MD}/sync_action", "idle")
    assert "nothing to pause" in refused(lambda: play.sync("pause"))


def test_speed(stage: Callable[[str], Stage]) -> None:
    play = stage("clean")
    verbs.set_speed(play.seen, SpeedRequest(min=MIB, max=10 * MIB + 1), play.hand)
    assert (play.says("sync_speed_min"), play.says("sync_speed_max")) == ("1024", "10241")
    verbs.set_speed(play.seen, SpeedRequest(max=0), play.hand)
    assert (play.says("sync_speed_min"), play.says("sync_speed_max")) == ("system", "system")
    request = SpeedRequest(min=2 * KIB, max=KIB)
    assert "at least" in refused(lambda: verbs.set_speed(play.seen, request, play.hand))


def test_stop(stage: Callable[[str], Stage]) -> None:
    play = stage("check")
    done = verbs.stop(play.seen, play.hand)
    assert "goes on from a checkpoint" in done.plan.notes[0]
    done.act()
    assert play.says("array_state") == "clear"


def test_an_array_that_is_used_is_not_stopped(
    stage: Callable[[str], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    play = stage("clean")
    node = Path(play.dev("md0"))
    node.symlink_to(os.devnull)  # a device, as far as the checks below need one
    monkeypatch.setattr("mirrortui.kernel.plans.stat.S_ISBLK", lambda mode: True)
    monkeypatch.setattr(usage, "use_of", lambda found: usage.Use("is mounted on /", "Unmount it first."))
    assert f"{node} is mounted on /." in refused(lambda: verbs.stop(play.seen, play.hand), InUseError)
    monkeypatch.setattr(usage, "use_of", lambda found: None)
    monkeypatch.setattr(usage, "openers", lambda found: ["dd (pid 7)"])
    assert f"{node} is open in dd (pid 7)." in refused(lambda: verbs.stop(play.seen, play.hand), InUseError)


def test_what_others_keep_is_left_to_them(stage: Callable[[str], Stage]) -> None:
    play = stage("clean")
    set_attribute(play.sysfs, f"{MD}/metadata_version", "external:imsm")
    assert "kept by mdmon" in refused(lambda: play.change("fail", "vdb"))


def test_what_is_not_started_can_only_be_stopped(stage: Callable[[str], Stage]) -> None:
    play = stage("incremental")
    furnish(play.sysfs, "clean-1.2", "bc")
    assert "mdadm --run" in refused(lambda: play.change("fail", "vdb"))
    verbs.stop(play.seen, play.hand).act()
    assert attribute(play.sysfs, "block/md127/md/array_state") == "clear"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_only_root_may(stage: Callable[[str], Stage], tmp_path: Path) -> None:
    play = stage("clean")
    for directory in (tmp_path, *tmp_path.parents[:3]):
        directory.chmod(0o755)
    seen = play.seen
    os.seteuid(65534)
    try:
        request = MemberRequest(member=play.dev("vdb"))
        text = refused(lambda: verbs.change(seen, "fail", request, play.hand))
    finally:
        os.seteuid(0)
    assert "changed by root" in text and "sudo" in text


def test_an_array_that_went_away_meanwhile(stage: Callable[[str], Stage]) -> None:
    play = stage("clean")
    done = play.change("fail", "vdb")
    (play.sysfs.root / MD / "dev-vdb/state").unlink()
    assert "has gone" in refused(lambda: done.act(), ChangedError)


def test_a_program_that_refuses_is_quoted() -> None:
    def script(text: str) -> str:
        return refused(lambda: hand.run([sys.executable, "-c", text]))

    name = Path(sys.executable).name
    text = script("import sys; sys.exit('mdadm: /dev/x is busy.\\nmdadm: so there.\\n')")
    assert text == f"{name} refused: /dev/x is busy; so there."
    assert script("import sys; sys.exit(3)") == f"{name} refused: it did not say why."


def test_a_program_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand, "WITHIN", 0.1)
    assert "did not end within" in refused(
        lambda: hand.run([sys.executable, "-c", "import time; time.sleep(60)"])
    )
