"""Why an action cannot be taken now, in words. Each is called for what it refuses."""

from __future__ import annotations

from collections.abc import Callable

from mirrortui.api.mirrors import Member, Mirror
from mirrortui.tui import keymap
from mirrortui.tui.actions.action import Refusal, Situation
from mirrortui.tui.drives import worried


def no_engine(now: Situation) -> Refusal:
    return "the engine does not answer" if now.picture.lost else None


def nothing_shown(now: Situation) -> Refusal:
    return None if now.picture.mirrors else "there is nothing to look at yet"


def no_mirror(now: Situation) -> Refusal:
    return no_engine(now) or (
        None if now.mirror else f"there is no mirror yet: {keymap.key('create', 'c')} creates one"
    )


def stopped(now: Situation) -> Refusal:
    if refusal := no_mirror(now):
        return refusal
    assert now.mirror
    return f"{now.mirror.name} is stopped" if now.mirror.state == "stopped" else None


def not_running(now: Situation) -> Refusal:
    if refusal := stopped(now):
        return refusal
    assert now.mirror
    if not_started(now.mirror):
        return f"the kernel has not started {now.mirror.name}: mdadm --run would"
    return None


def not_started(mirror: Mirror) -> bool:
    """The kernel has some of its members and waits for the others."""
    return mirror.driver == "kernel" and mirror.state == "failed" and not mirror.map


def running_that(test: Callable[[Mirror], Refusal]) -> Callable[[Situation], Refusal]:
    """Refuse a mirror that does not run, and what the test refuses."""

    def refuse(now: Situation) -> Refusal:
        if refusal := not_running(now):
            return refusal
        assert now.mirror
        return test(now.mirror)

    return refuse


def cannot_check(mirror: Mirror) -> Refusal:
    if mirror.paused:
        return f"{mirror.name} is paused: {keymap.key('resume', 'P')} resumes it, {keymap.key('cancel', 'x')} cancels"
    if sum(member.state == "in_sync" for member in mirror.members) < 2:
        return "there is one copy only"
    return f"{mirror.name} is busy with a {mirror.sync_action}" if mirror.sync_action != "idle" else None


def nothing_compared(mirror: Mirror) -> Refusal:
    if mirror.checks or mirror.mismatches:
        return None
    return f"{mirror.name} was not checked yet: {keymap.key('check', 'C')} does that"


def cannot_pause(mirror: Mirror) -> Refusal:
    if mirror.paused:
        return f"{mirror.name} is paused already"
    return None if mirror.sync_action != "idle" else "nothing to pause"


def cannot_cancel(mirror: Mirror) -> Refusal:
    if mirror.paused or mirror.sync_action in ("check", "repair"):
        return None
    if mirror.driver != "kernel" and any(member.state == "replacing" for member in mirror.members):
        return None
    return f"no check or repair runs on {mirror.name}"


def cannot_hand_over(now: Situation) -> Refusal:
    if refusal := no_mirror(now):
        return refusal
    assert now.mirror
    if now.mirror.driver == "kernel":
        return "the kernel has it"
    return f"{now.mirror.name} has failed" if now.mirror.state == "failed" else None


def cannot_take_over(now: Situation) -> Refusal:
    if refusal := not_running(now):
        return refusal
    assert now.mirror
    return None if now.mirror.driver == "kernel" else f"{now.mirror.name} runs here"


def no_member_that(test: Callable[[Member], bool], reason: str) -> Callable[[Situation], Refusal]:
    """Refuse where no member of the mirror passes."""

    def refuse(now: Situation) -> Refusal:
        if refusal := not_running(now):
            return refusal
        assert now.mirror
        return None if any(test(member) for member in now.mirror.members) else reason.format(now.mirror.name)

    return refuse


def is_in_sync(member: Member) -> bool:
    return member.state == "in_sync"


def is_out(member: Member) -> bool:
    return member.state in ("faulty", "missing")


def is_active(member: Member) -> bool:
    return member.state in ("in_sync", "recovering", "replacing")


def ours(test: Callable[[Mirror], Refusal]) -> Callable[[Situation], Refusal]:
    """Refuse what the kernel's arrays have mdadm for, and what the test refuses."""

    def refuse(now: Situation) -> Refusal:
        if refusal := not_running(now):
            return refusal
        assert now.mirror
        return "the kernel has it: use mdadm" if now.mirror.driver == "kernel" else test(now.mirror)

    return refuse


def cannot_be_readonly(mirror: Mirror) -> Refusal:
    return f"{mirror.name} is read-only already" if mirror.state == "readonly" else None


def cannot_be_writable(mirror: Mirror) -> Refusal:
    read_only = mirror.state == "readonly" or mirror.opened_readonly
    return None if read_only or mirror.state == "degraded" else f"{mirror.name} is not read-only"


def whole(now: Situation) -> Refusal:
    if refusal := no_mirror(now):
        return refusal
    assert now.mirror
    if not_started(now.mirror):
        return not_running(now)
    if refusal := takes_no_writes(now.mirror):
        return refusal
    return None if is_broken(now.mirror) else f"nothing is broken in {now.mirror.name}"


def takes_no_writes(mirror: Mirror) -> Refusal:
    """It has failed, and its worker is still there."""
    if mirror.state != "failed" or mirror.worker_pid is None:
        return None
    if "goes on by itself" in mirror.why:
        return f"{mirror.name} goes on by itself when its last copy answers"
    return f"{mirror.name} still runs: {keymap.key('stop', 's')} stops it, then it can be assembled"


def is_broken(mirror: Mirror) -> bool:
    """There is something that F may do something about."""
    if mirror.state in ("stopped", "failed") or short_of_members(mirror) or mirror.paused:
        return True
    if mirror.sync:
        return False
    bare = mirror.bitmap is None and mirror.driver != "kernel"
    left = any(is_out(member) or member.bad for member in mirror.members)
    return bare or left or mirror.mismatches > 0 or worried(mirror) is not None


def short_of_members(mirror: Mirror) -> bool:
    return sum(is_active(member) for member in mirror.members) < mirror.raid_disks


def no_lab(mirror: Mirror) -> Refusal:
    return f"{mirror.name} was started without --lab" if mirror.lab is None else None


def running(now: Situation) -> Refusal:
    if refusal := no_mirror(now):
        return refusal
    assert now.mirror
    if now.mirror.driver == "kernel":
        return f"the kernel has {now.mirror.name}, as {now.mirror.device}"
    if refusal := takes_no_writes(now.mirror):
        return refusal
    return None if now.mirror.state in ("stopped", "failed") else f"{now.mirror.name} runs already"


# Of one member.


def out(member: Member) -> Refusal:
    return "is out" if is_out(member) else None


def out_already(member: Member) -> Refusal:
    return "is out already" if is_out(member) else None


def not_out(member: Member) -> Refusal:
    return None if is_out(member) else "is not out"


def active(member: Member) -> Refusal:
    return "is active; fail it first" if is_active(member) else None


def not_in_sync(member: Member) -> Refusal:
    return None if is_in_sync(member) else "is not in sync"


def no_bad_block(member: Member) -> Refusal:
    return out(member) or (None if member.bad else "lists no bad block")
