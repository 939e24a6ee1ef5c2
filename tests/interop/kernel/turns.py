"""Our turn at an array: verbs of the engine's API and writes over NBD, taken down in a model of the content."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mirrortui.api.interface import MemberVerb
from mirrortui.api.requests import (
    AccessRequest,
    AdoptRequest,
    AssembleRequest,
    BitmapRequest,
    CreateRequest,
    GrowRequest,
    MemberRequest,
    RenameRequest,
    ReplaceRequest,
    SetRequest,
    SpeedRequest,
    StopRequest,
)
from mirrortui.api.vocabulary import MemberFlag
from mirrortui.nbd.client import NbdClient
from mirrortui.nbd.protocol import Command, NbdError
from tests.e2e.conftest import PATIENCE, World, until
from tests.interop.kernel.content import BLOCK, GENERATIONS, Content
from tests.interop.kernel.ours import Image

_DEPTH = 4
"""Writes in flight of one writer."""


class Writer(threading.Thread):
    """Writes ink to random blocks, several at a time, until its mirror is gone."""

    def __init__(self, uri: str, content: Content, seed: str) -> None:
        super().__init__(daemon=True)
        self._client = NbdClient.connect(uri)
        self._content = content
        self._rng = random.Random(seed)
        self._busy: dict[int, tuple[int, int]] = {}
        self.written = 0
        """Writes that were acknowledged."""
        self.errors: list[str] = []
        """What was answered otherwise."""

    def run(self) -> None:
        """The thread; the content must be left alone until it has ended."""
        with self._client as client:
            try:
                while True:
                    while len(self._busy) < _DEPTH:
                        self._submit(client)
                    self._collect(client)
            except NbdError:
                return

    def _submit(self, client: NbdClient) -> None:
        taken = {block for block, _ in self._busy.values()}
        block = next(b for b in iter(lambda: self._rng.randrange(client.size // BLOCK), -1) if b not in taken)
        generation = self._rng.randrange(1, GENERATIONS)
        self._content.began(generation, block)
        data = self._content.ink.block(generation, block)
        self._busy[client.submit(Command.WRITE, block * BLOCK, BLOCK, data)] = generation, block

    def _collect(self, client: NbdClient) -> None:
        answer = client.collect()
        generation, block = self._busy.pop(answer.cookie)
        if answer.error:
            self.errors.append(f"block {block}: errno {answer.error}")
            return
        self._content.wrote(generation, block)
        self.written += 1


class Turn:
    """Our hands on one array; its members are called a, b, c and so on."""

    def __init__(self, world: World, name: str, images: Sequence[Path], content: Content) -> None:
        self.world = world
        self.name = name
        self.images = list(images)
        self.content = content
        self.rng = random.Random(name)
        self.writer: Writer | None = None

    def path(self, letter: str) -> str:
        """A member's."""
        return str(self.images["abcdefgh".index(letter)])

    def create(
        self,
        letters: str,
        *,
        chunk: int | None = 1 << 16,
        clean: bool = False,
        size: int | None = None,
        spares: str = "",
        missing: int = 0,
    ) -> None:
        """A new mirror of these members."""
        request = CreateRequest(
            name=self.name,
            members=[self.path(letter) for letter in letters],
            spares=[self.path(letter) for letter in spares],
            missing=missing,
            bitmap_chunk=chunk,
            assume_clean=clean,
            size=size,
            yes=True,
        )
        self.world.client.create(request)

    def adopt(self, letter: str, other: str) -> None:
        """A mirror of a disk as it is, and one that is filled from it."""
        request = AdoptRequest(
            name=self.name, disk=self.path(letter), new=self.path(other), bitmap_chunk=1 << 16, yes=True
        )
        self.world.client.adopt(request)

    def mark(self, letter: str, flag: MemberFlag) -> None:
        """Set a flag of a member."""
        request = SetRequest(member=self.path(letter), flag=flag, on=True)
        self.world.client.set_flag(self.name, request)

    def rename(self, name: str) -> None:
        """Call it otherwise from now on."""
        self.world.client.rename(self.name, RenameRequest(name=name, yes=True))
        self.name = name

    def grow(self, members: int) -> None:
        """Have so many members, more or fewer."""
        self.world.client.grow(self.name, GrowRequest(members=members, yes=True))

    def enlarge(self, count: int = 0) -> None:
        """Have so many bytes, or all that there is room for; its devices may have grown."""
        self.world.client.grow(self.name, GrowRequest(size=count or "max", yes=True))

    def bitmap(self, chunk: int | None) -> None:
        """One with chunks of so many bytes, or none."""
        kind: Literal["internal", "none"] = "internal" if chunk else "none"
        self.world.client.set_bitmap(self.name, BitmapRequest(bitmap=kind, chunk=chunk, yes=True))

    def lag(self, writes: int) -> None:
        """By so many may write-mostly members be behind."""
        request = BitmapRequest(bitmap="internal", write_behind=writes, yes=True)
        self.world.client.set_bitmap(self.name, request)

    def make_readonly(self) -> None:
        """Nothing is written from now on."""
        self.world.client.set_access(self.name, AccessRequest(readonly=True, yes=True))

    def assemble(self, letters: str = "") -> None:
        """Start it from these members, or from all that there are."""
        members = [self.path(letter) for letter in letters] or list(map(str, self.images))
        self.rng.shuffle(members)
        self.world.client.assemble(AssembleRequest(members=members))

    def put(self, generation: int, first: int, count: int) -> None:
        """Write ink."""
        with self._client() as client:
            for block in range(first, first + count):
                self.content.began(generation, block)
                client.write(block * BLOCK, self.content.ink.block(generation, block))
                self.content.wrote(generation, block)

    def fill(self, generation: int) -> None:
        """Write ink everywhere."""
        self.put(generation, 0, self.world.client.mirror(self.name).size // BLOCK)

    def check(self) -> None:
        """Read everything."""
        with self._client() as client:
            self.content.check(client.read, client.size)

    def do(self, verb: MemberVerb, letter: str) -> None:
        """Fail, remove, add or re-add a member."""
        request = MemberRequest(member=self.path(letter), force=verb == "add", yes=True)
        self.world.client.change(self.name, verb, request)

    def replace(self, old: str, new: str) -> None:
        """A member, while it serves."""
        request = ReplaceRequest(member=self.path(old), replacement=self.path(new), force=True, yes=True)
        self.world.client.replace(self.name, request)

    def speed(self, limit: int) -> None:
        """Bytes per second of a copy; 0: no limit."""
        self.world.client.set_speed(self.name, SpeedRequest(max=limit))

    def settle(self) -> None:
        """Wait until nothing is copied. Copies on one disk take turns: slow ones of others may come first."""
        until(
            lambda: self.world.client.mirror(self.name).sync_action == "idle",
            f"{self.name} copies nothing",
            patience=4 * PATIENCE,
        )

    def stop(self) -> None:
        """Cleanly."""
        self.world.client.stop(self.name, StopRequest(yes=True))

    def write_on(self) -> None:
        """Keep writing until it is cut off."""
        self.writer = Writer(self.world.client.mirror(self.name).uri, self.content, self.name)
        self.writer.start()

    def image(self, letter: str) -> Image:
        """A member, read behind everybody's back."""
        return Image(Path(self.path(letter)))

    def _client(self) -> NbdClient:
        return NbdClient.connect(self.world.client.mirror(self.name).uri)


def cut(world: World, turns: Sequence[Turn], rng: random.Random) -> None:
    """Kill the engine, then the workers of these turns at random moments, and all that is left."""
    workers = [world.client.mirror(turn.name).worker_pid for turn in turns]
    os.kill(world.client.engine().pid, signal.SIGKILL)
    rng.shuffle(workers)
    for worker in workers:
        threading.Event().wait(rng.random() / 20)
        assert worker
        os.kill(worker, signal.SIGKILL)
    world.kill_all()
    for writer in (turn.writer for turn in turns):
        if writer:
            writer.join(10)
            assert not writer.is_alive()
