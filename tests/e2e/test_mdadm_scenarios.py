"""mdadm's own scenarios for RAID-1, played by our verbs; each test names the one in mdadm's tests/ that it follows.

Not played: what rests on things that no mirror here has (no superblock at all, a bitmap in a file: 05r1-bitmapfile,
05r1-re-add-nosuper's --build), and --update=resync of 04r1update, for which `repair` is the verb.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mirrortui.api.mirrors import Mirror
from mirrortui.nbd.client import NbdClient
from mirrortui.units import KIB, MIB
from tests.e2e.conftest import World, data_areas, until

pytestmark = pytest.mark.slow

OLD, NEW = b"o" * (256 * KIB), b"n" * (64 * KIB)


class Scene:
    """Four images, and what a client has written."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.images = [world.image(f"{name}.img") for name in "abcd"]
        self.held: dict[int, bytes] = {}

    def do(self, *words: str | Path) -> None:
        self.world.do(*words)

    def create(self, *words: str | Path) -> None:
        self.do("create", "vault", *words)

    def put(self, offset: int, data: bytes) -> None:
        """Write through the front door."""
        with NbdClient.connect(self.mirror().uri) as client:
            client.write(offset, data)
        self.held[offset] = data

    def mirror(self) -> Mirror:
        return self.world.client.mirror("vault")

    def states(self) -> dict[str, str]:
        """By the member's letter; vacant places by their number."""
        return {Path(m.path).stem if m.path else str(m.slot): m.state for m in self.mirror().members}

    def whole(self, letters: str) -> None:
        """These become copies, alone and alike, and hold what was written."""
        wanted = dict.fromkeys(letters, "in_sync")

        def reached() -> bool:
            in_sync = {name: state for name, state in self.states().items() if state == "in_sync"}
            return in_sync == wanted and self.mirror().sync_action == "idle"

        until(reached, f"{letters} are in sync", self.states)
        with NbdClient.connect(self.mirror().uri) as client:
            for offset, data in self.held.items():
                assert client.read(offset, len(data)) == data
        self.do("stop", "vault")
        paths = [self.world.place / f"{letter}.img" for letter in letters]
        assert len(set(data_areas(*paths))) == 1
        self.do("assemble", "vault")

    def copied(self) -> int:
        """Chunks that the last sync copied, by what it told."""
        text = self.world.events("recovery-finished")[-1]
        return int(text.partition("copied ")[2].split()[0])


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def test_a_place_kept_for_one_that_comes_later(scene: Scene) -> None:
    """00raid1: a mirror of three with one missing, and spares that fill in."""
    a, b, c, d = scene.images
    scene.create(a, "missing", b, "--spare", c)
    scene.put(0, OLD)
    scene.whole("abc")
    scene.do("add", "vault", d)
    assert scene.states()["d"] == "spare"


def test_one_after_the_other_fails_and_newcomers_fill_in(scene: Scene) -> None:
    """01r1fail: members fail while the first resync runs, down to the last."""
    a, b, c, d = scene.images
    scene.create(a, b, c, "missing")
    scene.put(0, OLD)
    scene.do("fail", "vault", c, "--yes")
    scene.do("fail", "vault", b, "--yes")
    until(lambda: scene.mirror().sync_action == "idle", "there is nothing to copy")
    assert scene.states()["a"] == "in_sync"
    refused = scene.world.try_to("fail", "vault", a, "--yes")
    assert refused.code == 1 and "last" in refused.err
    scene.put(MIB, NEW)
    scene.do("add", "vault", d)
    scene.whole("ad")


def test_a_spare_replaces_one_that_serves(scene: Scene) -> None:
    """01replace."""
    a, b, c, _ = scene.images
    scene.create(a, b)
    scene.put(0, OLD)
    scene.do("wait", "vault", "--for", "in-sync")
    refused = scene.world.try_to("replace", "vault", a)
    assert refused.code == 2 and "has no spare" in refused.err
    scene.do("add", "vault", c)
    scene.do("replace", "vault", a, "--yes")
    scene.whole("bc")


def test_more_members_than_before(scene: Scene) -> None:
    """02r1add: a spare, then a newcomer, become members as the mirror is given places."""
    a, b, c, d = scene.images
    scene.create(a, b, "--spare", c)
    scene.put(0, OLD)
    scene.do("wait", "vault", "--for", "in-sync")
    scene.do("grow", "vault", "--members", "3")
    scene.whole("abc")
    scene.do("grow", "vault", "--members", "4")
    scene.do("add", "vault", d)
    scene.whole("abcd")


def test_larger_than_before(scene: Scene) -> None:
    """02r1grow: a part of the members first, then more of them, then all."""
    a, b, *_ = scene.images
    scene.create(a, b, "--size", "4M")
    scene.put(0, OLD)
    for size in ("8M", "max"):
        scene.do("grow", "vault", "--size", size)
        scene.put(scene.mirror().size - len(NEW), NEW)
        scene.whole("ab")


@pytest.mark.parametrize("bits", ["internal", "none"])
def test_a_bitmap_comes_and_goes(scene: Scene, bits: str) -> None:
    """05r1-add-internalbitmap, 05r1-remove-internalbitmap, 05r1-grow-internal."""
    a, b, *_ = scene.images
    scene.create(a, b, "--bitmap-chunk", "64K")
    scene.put(0, OLD)
    scene.do("wait", "vault", "--for", "in-sync")
    scene.do("set", "vault", "bitmap", "none", "--yes")
    if bits == "internal":
        scene.do("set", "vault", "bitmap", "internal", "--bitmap-chunk", "128K")
    scene.put(MIB, NEW)
    scene.do("fail", "vault", b, "--yes")
    scene.put(2 * MIB, NEW)
    taken = scene.world.try_to("re-add", "vault", b)
    if bits == "none":
        assert taken.code == 1 and "no write-intent bitmap" in taken.err
        scene.do("remove", "vault", b)
        scene.do("add", "vault", b, "--force", "--yes")
    scene.whole("ab")


def test_one_that_comes_back_gets_only_what_changed(scene: Scene) -> None:
    """05r1-re-add: out, written to meanwhile, back; and out for good if it comes back as a stranger."""
    a, b, *_ = scene.images
    scene.create(a, b, "--bitmap-chunk", "64K")
    scene.put(0, OLD)
    scene.do("wait", "vault", "--for", "in-sync")
    scene.do("fail", "vault", b, "--yes")
    scene.do("remove", "vault", b)
    scene.put(4 * MIB, NEW)
    scene.do("re-add", "vault", b)
    scene.whole("ab")
    changed = scene.copied()
    assert changed <= 6  # the one that changed, and those not yet cleared when it went
    scene.do("fail", "vault", b, "--yes")
    scene.do("remove", "vault", b)
    scene.do("zero-superblock", b, "--yes")
    assert scene.world.try_to("re-add", "vault", b).code == 1
    scene.do("add", "vault", b, "--yes")
    scene.whole("ab")
    assert scene.copied() > 2 * changed


def test_a_name_is_all_that_is_needed(scene: Scene) -> None:
    """06name: created with one, examined, assembled by it, and by another after it was renamed."""
    a, b, *_ = scene.images
    scene.create(a, b)
    scene.put(0, OLD)
    scene.do("rename", "vault", "attic")
    scene.do("stop", "attic")
    assert "attic" in scene.world.do("examine", a).out
    scene.do("assemble", "attic", a, b)
    scene.do("rename", "attic", "vault")
    scene.whole("ab")


def test_one_that_is_read_last_stays_so(scene: Scene) -> None:
    """06wrmostly: the flag outlives a failure, a re-add and a restart, and goes when it is told to."""
    a, b, c, _ = scene.images
    scene.create(a, b, c)
    scene.put(0, OLD)
    scene.do("wait", "vault", "--for", "in-sync")
    scene.do("set", "vault", c, "write-mostly", "on")

    def flagged() -> list[str]:
        return [Path(m.path).stem for m in scene.mirror().members if m.write_mostly]

    scene.do("fail", "vault", c, "--yes")
    scene.put(MIB, NEW)
    scene.do("re-add", "vault", c)
    scene.whole("abc")
    assert flagged() == ["c"]
    scene.do("set", "vault", c, "write-mostly", "off")
    scene.whole("abc")
    assert flagged() == []
