"""What an action is, and what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from textual.binding import Binding

from mirrortui.api.mirrors import Member, Mirror
from mirrortui.tui import keymap
from mirrortui.tui.store import Picture

Group = Literal["mirror", "members", "engine", "screen", "place"]
"""What it is about: the mirror under the cursor, one of its members, neither, or only what is shown; a place is one of
the screens, and being there."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the cursor is on."""

    picture: Picture
    mirror: Mirror | None
    member: Member | None
    """None also where the cursor is not among members."""
    place: str = "mirrors"
    """The screen that is shown: the id of the action that goes there."""
    device: str | None = None
    """Path of the one that could be a member; None also where the cursor is not among devices."""
    marked: tuple[Mirror, ...] = ()
    """Mirrors that an action is about, where it can be about several, in their order."""


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
    not_for: Callable[[Member], Refusal] = lambda _: None
    """Why it is not for that member, where it is for others."""
    shown: str | None = None
    """How the key is written, where its name is not what is on the keycap."""
    in_bar: bool = True
    several: bool = False
    """It can be done to all marked mirrors at once."""

    @property
    def key(self) -> str:
        """As the operator reads it."""
        return keymap.key(self.id, self.shown or self.keys[0])

    @property
    def all_keys(self) -> tuple[str, ...]:
        """Also those that the operator gave to it."""
        return keymap.given(self.id) or self.keys

    @property
    def deed(self) -> str:
        """What Textual runs: a method of the home screen."""
        match self.group:
            case "screen":
                return self.id
            case "place":
                return f"go('{self.id}')"
            case "mirror" | "members" | "engine":
                return f"act('{self.id}')"

    def about_marked(self, now: Situation) -> bool:
        """It would be done to what is marked, and not to what the cursor is on."""
        return self.several and bool(now.marked)

    def refuse_now(self, now: Situation) -> Refusal:
        """Why it cannot be done: of what is marked, to none of that."""
        if not self.about_marked(now):
            return self.refuse(now)
        refusals = [self.refuse(replace(now, mirror=mirror, member=None)) for mirror in now.marked]
        return None if None in refusals else f"to none of what is marked: {refusals[0]}"

    def refuse_here(self, now: Situation) -> Refusal:
        """Why it cannot be done to just what the cursor is on, a member or the mirror; or to what is marked."""
        if self.about_marked(now):
            return self.refuse_now(now)
        return self.refuse(now) or (self.not_for(now.member) if now.member else None)

    def binding(self) -> Binding:
        """For BINDINGS."""
        return Binding(
            ",".join(self.keys), self.deed, self.label, show=False, key_display=self.key, id=self.id
        )
