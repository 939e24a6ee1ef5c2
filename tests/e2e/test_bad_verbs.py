"""What a running mirror refuses."""

from __future__ import annotations

import os

import pytest

from mirrortui.api.requests import MemberRequest
from mirrortui.errors import ChangedError
from mirrortui.units import MIB
from tests.e2e.conftest import World
from tests.e2e.refusals import NOT_FOUND, REFUSED, USAGE, assert_hinted, assert_refused, untouched

pytestmark = pytest.mark.slow  # together they start some hundred processes


def test_verbs_on_what_is_not_there(world: World) -> None:
    world.create()
    assert_refused(
        world.try_to("fail", "nix", "a.img"), NOT_FOUND, "There is no mirror 'nix'", "Known here: vault"
    )
    assert_refused(world.try_to("fail", "vault", "nix.img"), NOT_FOUND, "vault has no member", "Its members:")
    assert_refused(world.try_to("status", "nix"), NOT_FOUND, "There is no mirror 'nix'")
    assert_refused(
        world.try_to("remove", "vault", "a.img"), REFUSED, "a.img is in sync in vault", "Fail it first"
    )
    assert_refused(world.try_to("re-add", "vault", "a.img"), REFUSED, "a.img is in sync in vault already")
    assert_refused(world.try_to("add", "vault", "a.img"), REFUSED, "is a member of vault already")


def test_the_last_redundancy_wants_a_yes(world: World) -> None:
    world.create()
    outcome = world.try_to("fail", "vault", "b.img")
    assert outcome.code == REFUSED
    assert "as command  mirrortui fail vault" in outcome.err
    assert "1 of 2 copies: if that one fails, the data is lost" in outcome.err
    assert world.try_to("status").code == 0


def test_a_stale_plan_is_refused(world: World) -> None:
    world.create()
    plan = world.do("fail", "vault", "b.img", "--plan", "--json").data
    world.do("fail", "vault", "a.img", "--yes")
    world.do("re-add", "vault", "a.img")
    world.do("wait", "vault", "--for", "in-sync")
    request = MemberRequest(member=str(world.place / "b.img"), yes=True, events=plan["events"])
    with pytest.raises(ChangedError, match="has changed since this was planned"):
        world.client.change("vault", "fail", request)


def test_adding_a_too_small_member(world: World) -> None:
    world.create()
    world.do("fail", "vault", "b.img", "--yes")
    small = world.image("small.img", 8 * MIB)
    with untouched(small):
        outcome = world.try_to("add", "vault", small)
    assert_refused(outcome, REFUSED, f"{small} is too small for vault", "Nothing was written to it")
    assert_hinted(outcome)


def test_adding_what_bears_something(world: World) -> None:
    world.create()
    world.do("fail", "vault", "b.img", "--yes")
    c = world.image("c.img")
    with c.open("r+b") as file:
        file.seek(0x438)
        file.write(b"\x53\xef")
    with untouched(c):
        assert_refused(world.try_to("add", "vault", c), REFUSED, f"{c} holds ext2", "--force")
        assert world.try_to("add", "vault", c, "--force").code == REFUSED
    world.do("remove", "vault", "b.img")
    b = world.place / "b.img"
    with untouched(b):
        assert_refused(
            world.try_to("add", "vault", b), REFUSED, f"{b} was a member of vault before", "re-add"
        )
    world.do("re-add", "vault", b)


def test_stop_asks_while_somebody_is_connected(world: World) -> None:
    mirror = world.create()
    with world.connected(mirror.uri):
        outcome = world.try_to("stop", "vault")
        assert outcome.code == REFUSED
        assert f"(pid {os.getpid()})" in outcome.err
        world.do("stop", "vault", "--yes")


def test_waiting_in_vain(world: World) -> None:
    world.create()
    world.do("fail", "vault", "b.img", "--yes")
    outcome = world.try_to("wait", "vault", "--for", "in-sync")
    assert_refused(outcome, REFUSED, "will not be in sync by itself", "mirrortui add vault")
    world.do("wait", "vault", "--for", "idle")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--tcp", "0.0.0.0:10809"], "can be reached from other machines"),
        (["--tcp", "nonsense"], "is not an address"),
        (["--tcp", "127.0.0.1:99999"], "is not an address"),
        (["--unix", "/nowhere/at/all"], "Cannot listen at"),
        ([], "either --unix PATH or --tcp HOST:PORT"),
    ],
)
def test_bad_addresses(world: World, words: list[str], told: str) -> None:
    world.create()
    assert_refused(world.try_to("export", "vault", *words), USAGE, told)
