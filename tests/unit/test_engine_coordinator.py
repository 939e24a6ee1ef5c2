"""Who is told to wait, each second: also behind arrays that the kernel runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from mirrortui.api.mirrors import Mirror
from mirrortui.engine.coordinator import Coordinator
from mirrortui.engine.journal import Journal
from mirrortui.engine.kernel import KernelArrays
from mirrortui.engine.state import State
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.worker.messages import Turn
from tests.sysfs import furnish, plant


class Ward:
    """One whose worker copies, and does what it is told."""

    link = True

    def __init__(self, mirror: Mirror) -> None:
        self.name = mirror.name
        self.mirror = mirror
        self.told: asyncio.Queue[Turn] = asyncio.Queue()

    async def status(self) -> Mirror:
        return self.mirror

    async def take_turn(self, turn: Turn) -> None:
        self.told.put_nowait(turn)


async def test_a_mirror_waits_for_what_the_kernel_copies_on_its_disk(
    tmp_path: Path,
) -> None:
    sysfs = plant("recover", tmp_path)
    furnish(sysfs, "clean-1.2")
    journal = Journal(tmp_path / "journal", ManualClock())
    kernel = KernelArrays(journal, ManualClock(), sysfs)
    (theirs,) = await kernel.mirrors()
    assert theirs.sync_action == "recover"
    ward = Ward(replace(theirs, name="vault", driver="mirrortui", sync_action="recover", sync=None))
    state = State(tmp_path / "state")
    task = asyncio.create_task(Coordinator(state, lambda: [ward], kernel.mirrors).run())  # type: ignore[list-item]
    try:
        turn = await asyncio.wait_for(ward.told.get(), 20)
    finally:
        task.cancel()
        journal.close()
    assert turn.queued.startswith(f"queued behind {theirs.name}: both copy on")
