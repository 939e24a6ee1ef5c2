"""Serve a mirror whose members are slow on purpose until SIGTERM: JSON of Setting as the only argument."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mirrortui.device.base import Device, Op, Waiter
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.device.filters.passing import CallLater, Filter
from mirrortui.device.opening import open_engine, open_member
from mirrortui.mirror.assembly.assemble import AssembleSpec, assemble
from mirrortui.mirror.birth.create import CreateSpec, create
from mirrortui.mirror.tuning import Tuning
from mirrortui.mirror.verbs import manage
from mirrortui.worker.loop import Loop
from mirrortui.worker.nbd_server import NbdServer


@dataclass
class Setting:
    """What the server is to be like."""

    socket: str
    members: list[str]
    service: float = 0.0
    """Seconds that a member takes for each read, one after the other; 0: as long as it takes."""
    stalls: dict[int, int] = field(default_factory=dict)
    """Of the member at that place every so many-th read is late."""
    stall: float = 0.05
    """By so many seconds."""
    hedging: bool = True
    alone: bool = False
    """Only the first member is there."""


class Spindle(Filter):
    """Serves one read at a time, and takes its time for each; some come late, and keep nobody else waiting."""

    def __init__(self, inner: Device, call_later: CallLater, setting: Setting, every: int) -> None:
        super().__init__(inner, sees_all=True)
        self._call_later = call_later
        self._setting = setting
        self._every = every
        self._count = 0
        self._waiting: list[Callable[[], None]] = []

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """See Device."""

        def start() -> None:
            self.inner.submit(op, offset, buffer, length, fua, waiter, index)

        self._count += op is Op.READ
        if op is not Op.READ:
            start()
        elif self._every and not self._count % self._every:
            self._call_later(self._setting.stall, start)
        elif not self._setting.service:
            start()
        else:
            self._waiting.append(start)
            if len(self._waiting) == 1:
                self._call_later(self._setting.service, self._serve)

    def _serve(self) -> None:
        self._waiting.pop(0)()
        if self._waiting:
            self._call_later(self._setting.service, self._serve)


def main() -> None:
    setting = msgspec.json.decode(sys.argv[1], type=Setting)
    engine, pool = open_engine(), Pool()
    loop = Loop(engine)
    devices: list[Device] = [
        Spindle(open_member(path, engine), loop.call_later, setting, setting.stalls.get(at, 0))
        for at, path in enumerate(setting.members)
    ]

    async def serve() -> None:
        await create(devices, CreateSpec(name="bench", assume_clean=True), loop, pool)
        tuning = Tuning() if setting.hedging else Tuning(hedge_sweep=0)
        spec = AssembleSpec(name="bench", tuning=tuning)
        mirror = await assemble(loop.executor, loop, devices, spec, lambda *_: None, pool)

        if setting.alone:
            await manage.fail(mirror, setting.members[1])

        def look() -> None:
            mirror.laggards.look()
            loop.call_later(1.0, look)

        look()
        server = NbdServer(loop, mirror, "bench")
        print(server.listen_unix(Path(setting.socket)).uri, flush=True)
        loop.on_signal(signal.SIGTERM, lambda: server.drain(loop.stop))

    loop.executor.spawn(serve())
    loop.run()
    loop.close()
    engine.close()


if __name__ == "__main__":
    main()
