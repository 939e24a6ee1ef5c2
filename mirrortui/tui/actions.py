"""Everything that can be done, once: keys, the bar, the palette and the help screen all read this list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

from mirrortui.api.schema import Member, Mirror
from mirrortui.tui.store import Picture

Group = Literal["mirror", "members", "screen"]


@dataclass(frozen=True, slots=True)
class Situation:
    """What the cursor is on."""

    picture: Picture
    mirror: Mirror | None
    member: Member | None
    """None also where the cursor is not among members."""


Refusal = str | None
"""Why an action cannot be taken now; None: it can."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something the operator can do, from the home screen."""

    id: str
    keys: tuple[str, ...]
    """Textual's names of keys; the first is the one shown."""
    label: str
    """One word or two, for the bar."""
    title: str
    """A sentence without full stop, for the palette and the help."""
    group: Group
    refuse: Callable[[Situation], Refusal] = lambda _: None
    shown: str | None = None
    """How the key is written, where its name is not what is on the keycap."""
    in_bar: bool = True

    @property
    def key(self) -> str:
        """As the operator reads it."""
        return self.shown or self.keys[0]

    @property
    def deed(self) -> str:
        """What Textual runs: a method of the home screen."""
        return self.id if self.group == "screen" else f"act('{self.id}')"

    def binding(self) -> Binding:
        """For BINDINGS."""
        return Binding(
            ",".join(self.keys), self.deed, self.label, show=False, key_display=self.key, id=self.id
        )


def _no_engine(now: Situation) -> Refusal:
    return "the engine does not answer" if now.picture.lost else None


def _nothing_shown(now: Situation) -> Refusal:
    return None if now.picture.mirrors else "there is nothing to look at yet"


def _no_mirror(now: Situation) -> Refusal:
    return _no_engine(now) or (None if now.mirror else "there is no mirror yet: c creates one")


def _stopped(now: Situation) -> Refusal:
    if refusal := _no_mirror(now):
        return refusal
    assert now.mirror
    return f"{now.mirror.name} is stopped" if now.mirror.state == "stopped" else None


def _not_running(now: Situation) -> Refusal:
    if refusal := _stopped(now):
        return refusal
    assert now.mirror
    if _not_started(now.mirror):
        return f"the kernel has not started {now.mirror.name}: mdadm --run would"
    return None


def _not_started(mirror: Mirror) -> bool:
    """The kernel has some of its members and waits for the others."""
    return mirror.driver == "kernel" and mirror.state == "failed" and not mirror.map


def _running_that(test: Callable[[Mirror], Refusal]) -> Callable[[Situation], Refusal]:
    """Refuse a mirror that does not run, and what the test refuses."""

    def refuse(now: Situation) -> Refusal:
        if refusal := _not_running(now):
            return refusal
        assert now.mirror
        return test(now.mirror)

    return refuse


def _cannot_check(mirror: Mirror) -> Refusal:
    if mirror.paused:
        return f"{mirror.name} is paused: P resumes it, x cancels"
    if sum(member.state == "in_sync" for member in mirror.members) < 2:
        return "there is one copy only"
    return f"{mirror.name} is busy with a {mirror.sync_action}" if mirror.sync_action != "idle" else None


def _cannot_pause(mirror: Mirror) -> Refusal:
    if mirror.paused:
        return f"{mirror.name} is paused already"
    return None if mirror.sync_action != "idle" else "nothing to pause"


def _cannot_cancel(mirror: Mirror) -> Refusal:
    if mirror.paused or mirror.sync_action in ("check", "repair"):
        return None
    if mirror.driver != "kernel" and any(member.state == "replacing" for member in mirror.members):
        return None
    return f"no check or repair runs on {mirror.name}"


def _cannot_replace(now: Situation) -> Refusal:
    if refusal := _not_running(now):
        return refusal
    if now.member is None:
        return "put the cursor on one"
    return (
        None if now.member.state == "in_sync" else "only a member that is in sync can be replaced: a adds one"
    )


def _cannot_hand_over(now: Situation) -> Refusal:
    if refusal := _no_mirror(now):
        return refusal
    assert now.mirror
    if now.mirror.driver == "kernel":
        return "the kernel has it"
    return f"{now.mirror.name} has failed" if now.mirror.state == "failed" else None


def _cannot_take_over(now: Situation) -> Refusal:
    if refusal := _not_running(now):
        return refusal
    assert now.mirror
    return None if now.mirror.driver == "kernel" else f"{now.mirror.name} runs here"


def _no_member_that(test: Callable[[Member], bool], reason: str) -> Callable[[Situation], Refusal]:
    """Refuse where no member of the mirror passes."""

    def refuse(now: Situation) -> Refusal:
        if refusal := _not_running(now):
            return refusal
        assert now.mirror
        return None if any(test(member) for member in now.mirror.members) else reason.format(now.mirror.name)

    return refuse


def _is_out(member: Member) -> bool:
    return member.state in ("faulty", "missing")


def _is_active(member: Member) -> bool:
    return member.state in ("in_sync", "recovering", "replacing")


def _ours(test: Callable[[Mirror], Refusal]) -> Callable[[Situation], Refusal]:
    """Refuse what the kernel's arrays have mdadm for, and what the test refuses."""

    def refuse(now: Situation) -> Refusal:
        if refusal := _not_running(now):
            return refusal
        assert now.mirror
        return "the kernel has it: use mdadm" if now.mirror.driver == "kernel" else test(now.mirror)

    return refuse


def _cannot_be_readonly(mirror: Mirror) -> Refusal:
    return f"{mirror.name} is read-only already" if mirror.state == "readonly" else None


def _cannot_be_writable(mirror: Mirror) -> Refusal:
    read_only = mirror.state == "readonly" or mirror.opened_readonly
    return None if read_only or mirror.state == "degraded" else f"{mirror.name} is not read-only"


def _whole(now: Situation) -> Refusal:
    if refusal := _no_mirror(now):
        return refusal
    assert now.mirror
    if _not_started(now.mirror):
        return _not_running(now)
    if now.mirror.state in ("stopped", "failed") or _short_of_members(now.mirror):
        return None
    return f"nothing is broken in {now.mirror.name}"


def _short_of_members(mirror: Mirror) -> bool:
    return sum(_is_active(member) for member in mirror.members) < mirror.raid_disks


def _running(now: Situation) -> Refusal:
    if refusal := _no_mirror(now):
        return refusal
    assert now.mirror
    if now.mirror.driver == "kernel":
        return f"the kernel has {now.mirror.name}, as {now.mirror.device}"
    return None if now.mirror.state in ("stopped", "failed") else f"{now.mirror.name} runs already"


ACTIONS: tuple[Action, ...] = (
    Action("fix", ("F",), "fix it", "Do what makes this mirror whole again", "mirror", _whole),
    Action("create", ("c",), "create", "Create a mirror from devices or image files", "mirror", _no_engine),
    Action("add", ("a",), "add", "Add a member: as a replacement, or as a spare", "members", _not_running),
    Action(
        "fail",
        ("f",),
        "fail",
        "Fail a member: the mirror goes on without it",
        "members",
        _no_member_that(_is_active, "no member of {} is active"),
    ),
    Action(
        "remove",
        ("d", "r", "delete"),
        "remove",
        "Remove a member that is out, or a spare",
        "members",
        _no_member_that(
            lambda member: not _is_active(member), "only members that are out can be removed: f first"
        ),
    ),
    Action(
        "re_add",
        ("e",),
        "re-add",
        "Re-add a member that was out: copies only what changed",
        "members",
        _no_member_that(_is_out, "no member of {} is out"),
    ),
    Action(
        "replace",
        ("R",),
        "replace",
        "Replace a member that still serves",
        "members",
        _cannot_replace,
    ),
    Action(
        "check",
        ("C",),
        "check",
        "Check: compare all copies",
        "mirror",
        _running_that(_cannot_check),
    ),
    Action(
        "repair",
        ("H",),
        "repair",
        "Repair: make equal what differs",
        "mirror",
        _running_that(_cannot_check),
        in_bar=False,
    ),
    Action("pause", ("p",), "pause", "Pause what copies or checks", "mirror", _running_that(_cannot_pause)),
    Action(
        "resume",
        ("P",),
        "resume",
        "Resume what was paused",
        "mirror",
        _running_that(lambda mirror: None if mirror.paused else f"{mirror.name} is not paused"),
    ),
    Action("cancel", ("x",), "cancel", "Cancel a check or a repair", "mirror", _running_that(_cannot_cancel)),
    Action(
        "write_mostly",
        ("w",),
        "write-mostly",
        "Spare a member from reads (write-mostly), or read from it again",
        "members",
        _ours(lambda _: None),
        in_bar=False,
    ),
    Action(
        "readonly",
        ("l",),
        "read-only",
        "Make this mirror read-only",
        "mirror",
        _ours(_cannot_be_readonly),
        in_bar=False,
    ),
    Action(
        "readwrite",
        ("L",),
        "writable",
        "Let this mirror be written to again",
        "mirror",
        _ours(_cannot_be_writable),
        in_bar=False,
    ),
    Action(
        "grow",
        ("m",),
        "members",
        "Have more members in this mirror, or fewer",
        "mirror",
        _ours(lambda _: None),
        in_bar=False,
    ),
    Action(
        "bitmap",
        ("b",),
        "bitmap",
        "Give this mirror a write-intent bitmap, or take it away",
        "mirror",
        _ours(lambda _: None),
        in_bar=False,
    ),
    Action(
        "rename",
        ("n",),
        "rename",
        "Give this mirror another name",
        "mirror",
        _ours(lambda _: None),
        in_bar=False,
    ),
    Action(
        "hand_over",
        ("o",),
        "hand over",
        "Hand this mirror over to the kernel",
        "mirror",
        _cannot_hand_over,
        in_bar=False,
    ),
    Action(
        "take_over",
        ("t",),
        "take over",
        "Take this array over from the kernel",
        "mirror",
        _cannot_take_over,
        in_bar=False,
    ),
    Action("stop", ("s",), "stop", "Stop this mirror cleanly", "mirror", _stopped),
    Action("assemble", ("A",), "assemble", "Start this mirror again", "mirror", _running),
    Action(
        "copy_uri", ("u",), "copy uri", "Copy this mirror's address", "mirror", _not_running, in_bar=False
    ),
    Action(
        "filter",
        ("slash",),
        "filter",
        "Show only mirrors and events with a word",
        "screen",
        _nothing_shown,
        "/",
    ),
    Action("next_pane", ("tab",), "pane", "Go to the next pane", "screen", _nothing_shown),
    Action(
        "previous_pane",
        ("shift+tab",),
        "back",
        "Go to the previous pane",
        "screen",
        shown="⇧tab",
        in_bar=False,
    ),
    Action("zoom", ("z",), "zoom", "Give this pane the whole screen", "screen", _nothing_shown),
    Action(
        "back", ("escape",), "back", "Go one step back; changes nothing", "screen", shown="esc", in_bar=False
    ),
    Action(
        "colours", ("ctrl+t",), "colours", "Change between dark and light", "screen", shown="^t", in_bar=False
    ),
    Action("menu", ("ctrl+p",), "menu", "Find an action by its name", "screen", shown="^p"),
    Action("help", ("question_mark", "f1"), "help", "Show all keys and signs", "screen", shown="?"),
    Action("leave", ("q", "ctrl+q", "ctrl+c"), "quit", "Leave the screen; the mirrors run on", "screen"),
)
"""In the order of the bar: what may be needed now comes first."""

PINNED = ("menu", "help")
"""Actions that stay in the bar however narrow it is."""


def by_id(wanted: str) -> Action:
    """The action of that id. Raises KeyError."""
    return _BY_ID[wanted]


_BY_ID = {action.id: action for action in ACTIONS}
