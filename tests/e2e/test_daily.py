"""Small matters of daily use by the command line, with real processes."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mirrortui.device.probe import Peek
from mirrortui.errors import MirrortuiError
from mirrortui.format.inspect import examine
from mirrortui.format.ondisk import checksum
from mirrortui.format.superblock import Feature, Superblock
from mirrortui.nbd.protocol import Error, NbdError, TransmissionFlag
from mirrortui.units import MIB
from tests.e2e.conftest import World, data_areas, digest, state_of, until

pytestmark = pytest.mark.slow


def states(world: World, name: str = "vault") -> dict[str, str]:
    """Members' states by file name."""
    return {Path(member.path).name: member.state for member in world.client.mirror(name).members}


def test_spares_from_the_beginning(world: World) -> None:
    images = [world.image(f"{name}.img") for name in "abc"]
    world.do("create", "vault", *images[:2], "--spare", images[2], "--assume-clean")
    assert states(world) == {"a.img": "in_sync", "b.img": "in_sync", "c.img": "spare"}
    assert f"If a member fails, spare {images[2]} takes its place at once." in world.do("status", "vault").out
    told = world.do("status", "vault", "--if-fails", "b.img", "--json").data
    assert (told["copies"], told["spare"], told["lost"]) == ([str(images[0])], str(images[2]), 0)
    world.do("fail", "vault", "b.img", "--yes")
    world.do("wait", "vault", "--for", "in-sync", "--timeout", "20")
    assert states(world) == {"a.img": "in_sync", "b.img": "faulty", "c.img": "in_sync"}
    assert world.try_to("status", "vault", "--if-fails", "b.img").code == 1
    world.do("stop", "vault")
    world.do("assemble", "vault")
    assert states(world)["c.img"] == "in_sync"


def test_what_would_be_lost_is_told_by_the_exit_code(world: World) -> None:
    world.create()
    world.do("fail", "vault", "b.img", "--yes")
    outcome = world.try_to("status", "vault", "--if-fails", "a.img")
    assert outcome.code == 1
    assert "a.img is the only copy in sync" in outcome.out
    assert "Name the mirror" in world.try_to("status", "--if-fails", "a.img").err


def superblocks(*paths: Path) -> list[Superblock]:
    """As they are on disk now."""
    found = []
    for path in paths:
        with Peek(str(path)) as peek:
            superblock = examine(peek.read, peek.size).superblock
        assert superblock
        found.append(superblock)
    return found


def test_flags_are_set_shown_and_kept(world: World) -> None:
    world.create()
    world.do("set", "vault", "a.img", "write-mostly", "on")
    world.do("set", "vault", "b.img", "failfast", "on")
    rows = [line.split()[-1] for line in world.do("status", "vault").out.splitlines() if ".img" in line]
    assert rows == ["write-mostly", "failfast"]
    (told,) = world.events("flag-set")[:1]
    assert told == f"{world.place / 'a.img'} is write-mostly in vault now."
    plan = world.do("set", "vault", "b.img", "failfast", "on", "--plan").out
    assert "It is so already." in plan
    assert [sb.devflags for sb in superblocks(world.place / "a.img", world.place / "b.img")] == [1, 2]
    for words in (("b.img", "fast", "on"), ("b.img", "failfast", "1")):
        assert world.try_to("set", "vault", *words).code == 2
    assert world.try_to("set", "vault", "c.img", "failfast", "on").code == 3


def refusal(request: Callable[[], object]) -> int:
    """The error that the server answers."""
    with pytest.raises(NbdError) as caught:
        request()
    return caught.value.error


def test_read_only_and_back_under_a_client(world: World) -> None:
    mirror = world.create()
    with world.connected(mirror.uri) as client:
        client.write(0, b"x" * 4096)
        outcome = world.try_to("readonly", "vault")
        assert outcome.code == 1, "there is a client"
        assert "refused when they write" in outcome.err
        world.do("readonly", "vault", "--yes")
        assert state_of(world) == "readonly"
        assert all(sb.clean for sb in superblocks(world.place / "a.img", world.place / "b.img"))
        assert refusal(lambda: client.write(0, b"y" * 4096)) == Error.EPERM
        assert refusal(lambda: client.write(0, b"y" * MIB)) == Error.EPERM
        assert refusal(lambda: client.zero(0, 4096)) == Error.EPERM
        assert client.read(0, 4096) == b"x" * 4096
        client.flush()
        with world.connected(mirror.uri) as late:
            assert late.welcome.flags & TransmissionFlag.READ_ONLY
        world.do("readwrite", "vault")
        client.write(0, b"z" * 4096)
    assert world.try_to("readwrite", "vault").code == 1
    assert world.events("mirror-readonly", "mirror-readwrite") == [
        "vault is read-only now.",
        "vault takes writes again.",
    ]


def test_it_is_still_read_only_when_its_worker_has_died_and_can_be_opened_for_writing(world: World) -> None:
    world.create()
    world.do("readonly", "vault")
    os.kill(world.client.mirror("vault").worker_pid or 0, signal.SIGKILL)
    until(lambda: world.events("worker-died"), "the death is noticed")
    until(lambda: state_of(world) == "readonly", "it runs again")
    mirror = world.client.mirror("vault")
    assert mirror.opened_readonly
    with world.connected(mirror.uri) as client:
        outcome = world.try_to("readwrite", "vault")
        assert outcome.code == 1
        assert "it is stopped, and assembled again" in outcome.err
        assert client.read(0, 4096) == bytes(4096)
    world.do("readwrite", "vault")
    assert state_of(world) == "clean"
    with world.connected(world.client.mirror("vault").uri) as client:
        client.write(0, b"x" * 4096)


def test_what_is_not_understood_is_not_opened_for_writing(world: World) -> None:
    world.create()
    world.do("stop", "vault")
    for name in ("a.img", "b.img"):
        (sb,) = superblocks(world.place / name)
        raw = bytearray(sb.encode())
        struct.pack_into("<I", raw, 8, sb.feature_map | Feature.CLUSTERED)
        with (world.place / name).open("r+b") as file:
            file.seek(4096)
            file.write(resealed(raw))
    world.do("assemble", "vault", "--readonly")
    before = digest(world.place / "a.img", world.place / "b.img")
    outcome = world.try_to("readwrite", "vault")
    assert outcome.code == 1
    assert "a clustered bitmap" in outcome.err
    assert "mirrortui stop vault" in outcome.err
    assert "a clustered bitmap" in world.try_to("readwrite", "vault", "--plan").out
    assert state_of(world) == "readonly", "it serves on"
    assert digest(world.place / "a.img", world.place / "b.img") == before


def resealed(raw: bytearray) -> bytes:
    """With the right checksum."""
    struct.pack_into("<I", raw, 216, 0)
    struct.pack_into("<I", raw, 216, checksum(raw, 512))
    return bytes(raw)


def test_a_new_name_while_a_client_is_at_work(world: World) -> None:
    mirror = world.create()
    world.do("export", "vault", "--tcp", "127.0.0.1:0")
    with world.connected(mirror.uri) as client:
        client.write(0, b"x" * 4096)
        assert world.try_to("rename", "vault", "attic").code == 1, "there is a client"
        uri = world.do("rename", "vault", "attic", "--yes").out.strip()
        assert "attic" in uri
        assert client.read(0, 4096) == b"x" * 4096
        client.write(4096, b"y" * 4096)
        with world.connected(uri) as other:
            assert other.read(4096, 4096) == b"y" * 4096
        renamed = world.client.mirror("attic")
        assert [export.uri.count("attic") > 0 for export in renamed.exports] == [True, True]
        with world.connected(renamed.exports[1].uri) as third:
            assert third.read(0, 4096) == b"x" * 4096
    with pytest.raises(MirrortuiError):
        world.connected(mirror.uri)
    assert world.try_to("status", "vault").code == 3
    assert {sb.set_name for sb in superblocks(world.place / "a.img", world.place / "b.img")} == {"attic"}
    world.do("engine", "stop")
    world.do("devices")
    os.kill(world.client.mirror("attic").worker_pid or 0, signal.SIGKILL)
    until(lambda: state_of(world, "attic") in ("clean", "active"), "it runs again under its new name")
    world.do("stop", "attic")
    world.do("assemble", "attic")
    assert state_of(world, "attic") == "clean"


def test_a_name_that_is_taken_or_bad_is_refused(world: World) -> None:
    world.create()
    world.do("create", "other", world.image("c.img"), world.image("d.img"), "--assume-clean")
    world.do("stop", "other")
    before = digest(world.place / "a.img", world.place / "b.img")
    for name, code in (("other", 1), ("vault", 1), ("a/b", 2), ("a:b", 2), ("x" * 33, 2), ("", 2)):
        assert world.try_to("rename", "vault", name, "--yes").code == code, name
    assert world.try_to("rename", "other", "third").code == 1, "it does not run"
    (world.paths.runtime / "third.nbd").write_text("not a socket")
    assert "is not a socket" in world.try_to("rename", "vault", "third").err
    assert digest(world.place / "a.img", world.place / "b.img") == before
    assert not world.paths.control("third").exists()
    assert state_of(world) == "clean"


def test_an_engine_that_died_before_it_wrote_the_name_down_finds_the_mirror(world: World) -> None:
    world.create()
    memory = world.paths.state.read_bytes()
    world.do("rename", "vault", "attic")
    world.do("engine", "stop")
    world.paths.state.write_bytes(memory)
    world.do("devices")
    assert [mirror.name for mirror in world.client.mirrors()] == ["attic"]
    assert b"attic" in world.paths.state.read_bytes()
    world.do("stop", "attic")
    world.do("assemble", "attic")


def test_a_worker_that_died_before_its_engine_knew_runs_under_the_old_name(world: World) -> None:
    """Its superblocks have the new one; to give it again settles that."""
    mirror = world.create()
    world.do("stop", "vault")
    a, b = world.place / "a.img", world.place / "b.img"
    for path, sb in zip((a, b), superblocks(a, b), strict=True):
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(replace(sb, set_name="attic").encode())
    world.do("assemble", "vault")
    assert world.client.mirror("vault").uuid == mirror.uuid
    world.do("rename", "vault", "attic")
    assert state_of(world, "attic") == "clean"


def test_a_superblock_is_erased_and_nothing_else(world: World) -> None:
    world.create()
    b = world.place / "b.img"
    outcome = world.try_to("zero-superblock", "b.img", "--yes")
    assert outcome.code == 1
    assert "is in use by mirror vault" in outcome.err
    world.do("stop", "vault")
    before = b.read_bytes()
    outcome = world.try_to("zero-superblock", "b.img")
    assert outcome.code == 1
    assert "a member of vault" in outcome.err
    assert "wants a confirmation" in outcome.err
    assert "a member of vault" in world.do("zero-superblock", "b.img", "--plan").out
    assert b.read_bytes() == before
    world.do("zero-superblock", "b.img", "--yes")
    assert b.read_bytes() == before[:4096] + bytes(4096) + before[8192:]
    assert world.try_to("examine", "b.img").code == 1
    assert "has no MD superblock" in world.try_to("zero-superblock", "b.img", "--yes").err


def test_a_bitmap_goes_and_comes_under_a_client(world: World) -> None:
    mirror = world.create()
    traffic = world.traffic(mirror.uri, 1)
    traffic.goes_on()
    assert world.try_to("set", "vault", "bitmap", "none").code == 1, "it wants a yes"
    world.do("set", "vault", "bitmap", "none", "--yes")
    assert world.client.mirror("vault").bitmap is None
    traffic.goes_on()
    world.do("set", "vault", "bitmap", "internal", "--bitmap-chunk", "256K")
    traffic.goes_on()
    found = world.client.mirror("vault").bitmap
    assert found and found.chunk == 256 << 10
    for words in (("internal",), ("wrong",), ("internal", "--bitmap-chunk", "512")):
        assert world.try_to("set", "vault", "bitmap", *words).code, words
    tally = traffic.end()
    assert not tally["errors"] and not tally["mismatches"], tally
    os.kill(world.client.mirror("vault").worker_pid or 0, signal.SIGKILL)
    until(lambda: world.events("worker-died"), "the death is noticed")
    until(lambda: state_of(world) in ("clean", "active"), "it runs again")
    world.do("wait", "vault")
    world.do("stop", "vault")
    assert len(set(data_areas(world.place / "a.img", world.place / "b.img"))) == 1


def test_a_mirror_grows_with_its_images_under_a_client(world: World) -> None:
    mirror = world.create(size=8 * MIB)
    a, b = world.place / "a.img", world.place / "b.img"
    assert "has 7.00 MiB already, and" in world.try_to("grow", "vault", "--size", "max").err
    traffic = world.traffic(mirror.uri, 1)
    traffic.goes_on()
    for path in (a, b):
        os.truncate(path, 40 * MIB)
    told = world.do("grow", "vault", "--size", "max", "--plan", "--json").data
    assert told["title"] == "Have 39.0 MiB in vault, not 7.00 MiB"
    assert told["command"] == "mirrortui grow vault --size max"
    assert "when they connect again" in " ".join(told["notes"])
    world.do("grow", "vault", "--size", "20M")
    traffic.goes_on()
    assert world.do("grow", "vault", "--size", "max", "--json").data["size"] == 39 * MIB
    traffic.goes_on()
    tally = traffic.end()
    assert not tally["errors"] and not tally["mismatches"], tally
    with world.connected(mirror.uri) as client:
        assert client.size == 39 * MIB
    for words in (
        ("--size", "8M"),
        ("--size", "1T"),
        ("--size", "0"),
        (),
        ("--size", "8M", "--members", "3"),
    ):
        assert world.try_to("grow", "vault", *words).code, words
    os.kill(world.client.mirror("vault").worker_pid or 0, signal.SIGKILL)
    until(lambda: world.events("worker-died"), "the death is noticed")
    until(lambda: state_of(world) in ("clean", "active"), "it runs again")
    assert world.client.mirror("vault").size == 39 * MIB
    world.do("wait", "vault")
    world.do("stop", "vault")
    assert len(set(data_areas(a, b))) == 1


def test_a_mirror_grows_and_shrinks(world: World) -> None:
    world.create()
    world.do("add", "vault", world.image("c.img"))
    assert "takes a place, and is filled" in world.do("grow", "vault", "--members", "3", "--plan").out
    world.do("grow", "vault", "--members", "3")
    world.do("wait", "vault", "--for", "in-sync", "--timeout", "20")
    assert states(world) == dict.fromkeys(("a.img", "b.img", "c.img"), "in_sync")
    outcome = world.try_to("grow", "vault", "--members", "2", "--yes")
    assert outcome.code == 1
    assert "Fail and remove" in outcome.err
    world.do("fail", "vault", "a.img", "--yes")
    world.do("remove", "vault", "a.img")
    assert world.try_to("grow", "vault", "--members", "2").code == 1, "it wants a yes"
    world.do("grow", "vault", "--members", "2", "--yes")
    assert world.try_to("status", "vault").code == 0
    assert world.try_to("grow", "vault", "--members", "1", "--yes").code == 2
    world.do("stop", "vault")
    world.do("assemble", "vault")
    assert states(world) == {"b.img": "in_sync", "c.img": "in_sync"}
