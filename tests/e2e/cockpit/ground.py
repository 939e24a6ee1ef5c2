"""What plays are played on: one engine for many of them, and the state that each begins with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mirrortui.api.interface import MemberVerb
from mirrortui.api.launch import launch
from mirrortui.api.mirrors import Member, Mirror
from mirrortui.api.requests import (
    AccessRequest,
    AssembleRequest,
    BitmapRequest,
    CreateRequest,
    LabRequest,
    MemberRequest,
    ReplaceRequest,
    SpeedRequest,
    StopRequest,
    SyncRequest,
)
from mirrortui.api.vocabulary import Mishap, SyncVerb
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.units import KIB, MIB
from tests.e2e.bad_disk import BLOCK, bad_disk
from tests.e2e.conftest import World, until
from tests.e2e.fuse_disk import check_host

SIZE = 4 * MIB
"""Of an image."""
DATA = MIB
"""Where the data of so small a member begins."""
SLOW = 64 * KIB
"""Bytes per second of a sync that is to be met while it runs."""
VAULT = "vault"
_TIMEOUT = 2
"""Seconds after which a member that hangs is out."""
_SECTOR = 512
_SUPERBLOCK = 8 * _SECTOR


class Ground:
    """An engine, a directory with images, and in it a mirror called vault."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.place = world.place
        self.client = world.client
        self.worker: int | None = None
        """The process that has vault before it suffers."""
        self._props = ExitStack()

    # As it is.

    @property
    def vault(self) -> Mirror:
        """Raises NotFoundError."""
        return self.client.mirror(VAULT)

    @property
    def names(self) -> set[str]:
        return {mirror.name for mirror in self.client.mirrors()}

    def member(self, name: str) -> Member | None:
        """The member of vault on that image, if it is one."""
        return next((member for member in self.vault.members if member.path == self.path(name)), None)

    def role(self, name: str) -> str | None:
        """What it is in vault; None: nothing."""
        member = self.member(name)
        return member.state if member else None

    def path(self, name: str) -> str:
        return str(self.place / name)

    def data(self, name: str, at: int = 0, length: int = 8) -> bytes:
        """Of a member, past mirrortui."""
        with (self.place / name).open("rb") as image:
            image.seek(DATA + at)
            return image.read(length)

    def bears_superblock(self, name: str) -> bool:
        with (self.place / name).open("rb") as image:
            image.seek(_SUPERBLOCK)
            return any(image.read(SUPERBLOCK_BYTES))

    # As it is to be.

    def nothing(self) -> None:
        """An engine that knows no mirror, and blank images a to d."""
        self.world.kill_all()
        for left in (self.world.paths.memory, self.world.paths.runtime):
            shutil.rmtree(left, ignore_errors=True)
        self._blank()
        launch(self.world.paths)

    def _blank(self) -> None:
        for entry in self.place.glob("*.img"):
            entry.unlink()
        for name in "abcd":
            self.world.image(f"{name}.img", SIZE)

    def pair(self, *, lab: bool = False, size: int | None = None) -> None:
        """A mirror of two, whole; one that is as new is taken as it is."""
        if not lab and size is None and self._as_new():
            return
        self._clear()
        members = [self.path("a.img"), self.path("b.img")]
        self.client.create(
            CreateRequest(
                name=VAULT,
                members=members,
                size=size,
                assume_clean=True,
                lab=lab,
                timeout=_TIMEOUT,
                force=True,
                yes=True,
            )
        )

    def _clear(self) -> None:
        """Nothing runs, and nothing but vault is remembered."""
        if self.names - {VAULT}:
            self.nothing()
        elif self.names:
            if self.vault.state != "stopped":
                self.client.stop(VAULT, StopRequest(yes=True, force=True))
            self._blank()

    def _as_new(self) -> bool:
        if self.names != {VAULT} or any((self.place / name).stat().st_blocks for name in ("c.img", "d.img")):
            return False
        vault = self.vault
        return (
            [(member.path, member.state) for member in vault.members]
            == [(self.path(name), "in_sync") for name in ("a.img", "b.img")]
            and vault.state in ("clean", "active")
            and (vault.raid_disks, vault.sync_action, vault.impact) == (2, "idle", "balanced")
            and not (vault.checks or vault.paused or vault.lab is not None)
            and vault.bitmap is not None
            and vault.size == SIZE - DATA
            and len(vault.exports) == 1
            and not any(member.write_mostly or member.failfast or member.bad for member in vault.members)
        )

    def two(self) -> None:
        """The pair, and another mirror, called photos."""
        self.pair()
        members = [self.path("c.img"), self.path("d.img")]
        self.client.create(CreateRequest(name="photos", members=members, assume_clean=True, yes=True))

    def after(self, verb: MemberVerb, name: str) -> None:
        """The pair, of which something was done to a member."""
        self.pair()
        self.change(verb, name)

    def change(self, verb: MemberVerb, name: str) -> None:
        self.client.change(VAULT, verb, MemberRequest(member=self.path(name), yes=True))

    def without(self, name: str) -> None:
        """The pair, short of a member that is gone for good."""
        self.after("fail", name)
        self.change("remove", name)
        (self.place / name).unlink()

    def flagged(self, *, bitmap: bool) -> None:
        """The pair, with or without a bitmap."""
        self.pair()
        if not bitmap:
            self.client.set_bitmap(VAULT, BitmapRequest(bitmap="none", yes=True))

    def stopped(self, *, without: str = "") -> None:
        """The pair, at rest; `without`: an image that is gone."""
        self.pair()
        self.client.stop(VAULT, StopRequest(yes=True))
        if without:
            (self.place / without).unlink()

    def readonly(self) -> None:
        """A pair that nobody can write to."""
        self.pair()
        self.client.set_access(VAULT, AccessRequest(readonly=True, yes=True))

    def slow(self, verb: SyncVerb, then: SyncVerb | None = None) -> None:
        """The pair in the midst of a check or a repair; `then`: what was done to that."""
        self.pair()
        self.write(b"x" * (SIZE - DATA))
        self.client.set_speed(VAULT, SpeedRequest(max=SLOW))
        self.client.sync(VAULT, SyncRequest(action=verb, yes=True))
        if then:
            self.client.sync(VAULT, SyncRequest(action=then, yes=True))

    def replacing(self) -> None:
        """The pair in the midst of having b replaced by c."""
        self.pair()
        self.write(b"x" * (SIZE - DATA))
        self.client.set_speed(VAULT, SpeedRequest(max=SLOW))
        self.client.replace(
            VAULT, ReplaceRequest(member=self.path("b.img"), replacement=self.path("c.img"), yes=True)
        )

    def differing(self, *places: int) -> None:
        """A pair whose copies differ at these places, as a check found."""
        self.pair()
        self.write(b"A" * 8, *places)
        with (self.place / "b.img").open("r+b") as image:
            for place in places:
                image.seek(DATA + place)
                image.write(b"B" * 8)
        self.client.sync(VAULT, SyncRequest(action="check", yes=True))
        until(lambda: self.vault.mismatches and self.vault.sync_action == "idle", "the check has found them")

    def ill(self, mishap: Mishap | None = None) -> None:
        """A pair in the fault lab, with data on it, of which b suffers."""
        self.pair(lab=True)
        self.write(b"x" * MIB)
        self.worker = self.vault.worker_pid
        if mishap:
            self.client.suffer(VAULT, LabRequest(member=self.path("b.img"), mishap=mishap))

    def write(self, data: bytes, *places: int) -> None:
        """As a client would."""
        with self.world.connected(self.vault.uri) as client:
            for place in places or (0,):
                client.write(place, data)
            client.flush()

    def bad(self) -> None:
        """A pair of which one member, called disk, had a place that took no write, and lists it; now it would."""
        check_host()
        self.nothing()
        disk = self._props.enter_context(bad_disk(self.place / "fuse", SIZE))
        members = [self.path("a.img"), str(disk.path)]
        self.client.create(CreateRequest(name=VAULT, members=members, assume_clean=True, yes=True))
        self.write(b"x" * MIB)
        disk.decay(DATA // BLOCK + 3, dead=True)
        self.client.sync(VAULT, SyncRequest(action="check", yes=True))
        until(lambda: self.vault.members[1].bad and self.vault.sync_action == "idle", "it is listed")
        disk.mend()

    def strike(self) -> None:
        """Put away what only one play wanted."""
        fuse = self.place / "fuse"
        if fuse.exists():
            self.world.kill_all()
            self._props.close()
            shutil.rmtree(fuse)

    def parted(self) -> None:
        """The pair, at rest, after each half was used without the other."""
        self.stopped()
        halves = {}
        for name in ("a.img", "b.img"):
            with self._kept("a.img", "b.img"):
                request = AssembleRequest(name=VAULT, members=[self.path(name)], run=True, yes=True)
                self.client.assemble(request)
                self.write(name.encode().ljust(4 * KIB, b"\0"))
                self.client.stop(VAULT, StopRequest(yes=True))
                halves[name] = (self.place / name).read_bytes()
        both = [self.path(name) for name in halves]
        self.client.assemble(AssembleRequest(name=VAULT, members=both, yes=True))  # they are remembered
        self.client.stop(VAULT, StopRequest(yes=True))
        for name, content in halves.items():
            (self.place / name).write_bytes(content)

    @contextmanager
    def _kept(self, *names: str) -> Iterator[None]:
        """Images hold afterwards what they hold now."""
        contents = {name: (self.place / name).read_bytes() for name in names}
        yield
        for name, content in contents.items():
            (self.place / name).write_bytes(content)

    def disk(self) -> None:
        """No mirror; on a.img there are data, but for its end."""
        self.nothing()
        with (self.place / "a.img").open("r+b") as image:
            image.write(b"photos of years" * 1000)

    def roomy(self) -> None:
        """A pair that uses a part of its members only."""
        self.pair(size=SIZE - DATA - MIB)
