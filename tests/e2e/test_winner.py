"""Repairs with a winner by the command line, on real files that somebody spoils behind the mirror's back."""

from __future__ import annotations

import pytest

from mirrortui.units import KIB, MIB
from tests.e2e.conftest import World, data_areas
from tests.e2e.test_checks import DATA, filled, spoil


@pytest.mark.slow
def test_of_two_places_each_has_its_own_winner(world: World) -> None:
    b = filled(world)
    a = world.place / "a.img"
    spoil(b, 2 * MIB, b"b is right")
    spoil(b, 5 * MIB, b"b is wrong")
    assert world.try_to("check", "vault", "--wait").code == 1
    unnamed = world.try_to("repair", "vault", "--range", "2M+4K", "--yes")
    assert unnamed.code != 0
    assert "Which member of vault is right" in unnamed.err
    assert "No majority tells" in unnamed.err
    refused = world.try_to("repair", "vault", "--winner", str(b))
    assert f"{a}: what it has in 2 ranges (8.00 KiB: at 2.00 MiB, 5.00 MiB)" in refused.err
    assert "overwritten and lost" in refused.err

    done = world.try_to("repair", "vault", "--range", "2M+4K", "--winner", str(b), "--yes", "--wait")
    assert done.code == 1, "the other place still differs"
    assert done.err.endswith("vault: 8.00 KiB differed, 4.00 KiB are equal now.\n")
    found = world.try_to("mismatches", "vault", "--json")
    assert [(r["offset"], r["length"]) for r in found.data[0]["ranges"]] == [(5 * MIB, 4 * KIB)]
    assert found.data[0]["winner"] == str(b)
    assert world.do("status", "vault", "--json").data["mismatches"] == 4 * KIB
    assert world.do("repair", "vault", "--winner", str(a), "--yes", "--wait").code == 0
    assert world.do("mismatches", "vault").code == 0
    assert world.do("events", "--json").out.count('"repair-finished"') == 2
    nothing = world.try_to("repair", "vault", "--winner", str(a), "--yes")
    assert (nothing.code != 0, "Nothing is known to differ" in nothing.err) == (True, True)
    world.do("stop", "vault")
    assert len(set(data_areas(a, b))) == 1
    for image in (a, b):
        with image.open("rb") as file:
            file.seek(DATA + 2 * MIB)
            assert file.read(10) == b"b is right"


@pytest.mark.slow
def test_what_is_no_range_and_no_winner_is_refused(world: World) -> None:
    b = filled(world)
    for words, told in [
        (["--range", "2M", "--winner", str(b)], "is no range"),
        (["--range", "2M+100", "--winner", str(b)], "whole blocks of"),
        (["--range", "1T+4K", "--winner", str(b)], "cannot be repaired: vault has"),
        (["--range", "0+4K", "--winner", str(world.place / "z.img")], "has no member"),
    ]:
        refused = world.try_to("repair", "vault", *words, "--yes")
        assert refused.code != 0
        assert told in refused.err
    plan = world.do("repair", "vault", "--range", "0x1000+4096", "--winner", str(b), "--plan", "--json").data
    assert plan["command"] == f"mirrortui repair vault --range 4096+4096 --winner {b} --yes"
    assert (plan["confirm"], plan["refused"]) == ("yes", None)
