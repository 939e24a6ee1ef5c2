"""Plays about members: who they are, and what becomes of them."""

from __future__ import annotations

from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.widgets.plan_view import PlanView
from tests.e2e.cockpit.ground import Ground
from tests.e2e.cockpit.hands import Hands
from tests.e2e.cockpit.play import Play, agree, choose


def _told(hands: Hands) -> bool:
    """The forecast is on the screen, and changes nothing."""
    plan = hands.screen.query_one(PlanView).plan
    return isinstance(hands.screen, PlanDialog) and plan is not None and "1 copy" in plan.afterwards


def _out_of(ground: Ground, name: str) -> bool:
    return ground.role(name) is None


def _mishap(mishap: str) -> Play:
    """It is told of b, or b is out of it by now."""
    return Play(
        "lab",
        Ground.ill,
        [choose(mishap), agree],
        lambda ground: ground.vault.lab == {ground.path("b.img"): mishap} or ground.role("b.img") == "faulty",
        about=mishap,
        on="b.img",
    )


MEMBERS = [
    Play(
        "add",
        lambda ground: ground.without("b.img"),
        [choose("c.img"), agree],
        lambda ground: ground.role("c.img") == "in_sync",
        about="instead of one that is gone",
    ),
    Play(
        "add",
        Ground.pair,
        [choose("d.img"), agree],
        lambda ground: ground.role("d.img") == "spare",
        about="a spare",
    ),
    Play("fail", Ground.pair, [agree], lambda ground: ground.role("b.img") == "faulty", on="b.img"),
    Play(
        "fail",
        Ground.pair,
        [choose("b.img"), agree],
        lambda ground: ground.role("b.img") == "faulty",
        about="chosen in the dialog",
    ),
    Play(
        "remove",
        lambda ground: ground.after("fail", "b.img"),
        [],
        lambda ground: _out_of(ground, "b.img"),
        on="b.img",
    ),
    Play(
        "remove",
        lambda ground: ground.after("add", "c.img"),
        [],
        lambda ground: _out_of(ground, "c.img"),
        about="a spare",
        on="c.img",
    ),
    Play(
        "re_add",
        lambda ground: ground.after("fail", "b.img"),
        [],
        lambda ground: ground.role("b.img") == "in_sync",
        on="b.img",
    ),
    Play(
        "replace",
        Ground.pair,
        [choose("c.img"), agree],
        lambda ground: ground.role("c.img") == "in_sync" and _out_of(ground, "b.img"),
        on="b.img",
    ),
    Play(
        "cancel",
        Ground.replacing,
        [],
        lambda ground: (ground.role("b.img"), ground.role("c.img")) == ("in_sync", "faulty"),
        about="a replacement",
    ),
    Play(
        "write_mostly",
        Ground.pair,
        [],
        lambda ground: (member := ground.member("b.img")) and member.write_mostly,
        on="b.img",
    ),
    Play(
        "failfast",
        Ground.pair,
        [],
        lambda ground: (member := ground.member("a.img")) and member.failfast,
        on="a.img",
    ),
    Play(
        "forecast",
        Ground.pair,
        [],
        lambda ground: (
            (ground.role("a.img"), ground.role("b.img"), ground.names) == ("in_sync", "in_sync", {"vault"})
        ),
        shown=_told,
        on="b.img",
    ),
    Play("bad_blocks", Ground.bad, [agree], lambda ground: ground.vault.members[1].bad == 0, on="disk"),
    *(_mishap(mishap) for mishap in ("pull", "slow", "hang", "bad-sectors")),
    Play(
        "lab",
        Ground.ill,
        [choose("rot"), agree],
        lambda ground: ground.data("b.img", 0, 1 << 20) != ground.data("a.img", 0, 1 << 20),
        about="rot",
        on="b.img",
    ),
    Play(
        "lab",
        Ground.ill,
        [choose("power-cut"), agree],
        lambda ground: ground.vault.worker_pid not in (None, ground.worker),
        about="power-cut",
    ),
    Play(
        "lab",
        lambda ground: ground.ill("slow"),
        [choose("mend"), agree],
        lambda ground: ground.vault.lab == {},
        about="mend",
        on="b.img",
    ),
]
