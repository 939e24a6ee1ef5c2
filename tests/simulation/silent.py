"""Disks that stop answering, and who is written to inline meanwhile (silence.py)."""

from __future__ import annotations

from typing import Any

from mirrortui.mirror.array import State
from mirrortui.mirror.mirror import Mirror
from mirrortui.testing.simulated import Request, SimDisk
from tests.stage import Stage, states

BLOCK = bytes(range(256)) * 16


class Mute(SimDisk):
    """What is submitted to it waits while it is mute; it takes inline writes as ever."""

    mute = False
    held: list[Request]

    def submit(self, *operation: Any) -> None:
        """Keep what comes."""
        super().submit(*operation)
        if self.mute:
            self.held.append(self.scheduler.ready.pop())

    def speak(self) -> None:
        """Answer all of it."""
        self.mute = False
        self.scheduler.ready += self.held
        self.held.clear()


def made(stage: Stage) -> tuple[Mirror, Mute]:
    """A mirror that is written to inline, and a member of it."""
    whole, other = stage.disk("a", inline=True), stage.disk("b", inline=True)
    mute = Mute("b", len(other.current) // 512, other.data, stage.scheduler, inline=True)
    mute.held = []
    mirror = stage.create([whole, mute])
    stage.write(mirror, 0, BLOCK)  # makes the chunk hot
    return mirror, mute


def inline(mirror: Mirror) -> bool:
    """Whether a write is taken at once."""
    return mirror.try_write(0, memoryview(bytearray(BLOCK)))


def look(stage: Stage, mirror: Mirror) -> None:
    """And what comes of it at once."""
    mirror.silence.look()
    stage.executor.drain()


def who_stops_answering_is_not_written_to_inline_until_it_answers() -> None:
    stage = Stage()
    mirror, mute = made(stage)
    assert inline(mirror)
    mute.mute = True
    look(stage, mirror)
    assert inline(mirror), "an answer may take a moment"
    look(stage, mirror)
    assert not inline(mirror)
    look(stage, mirror)
    assert len(mute.held) == 1, "one question at a time"
    mute.speak()
    stage.until(lambda: not stage.scheduler.ready)
    assert inline(mirror)
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.IN_SYNC}
