"""Serve a stand-in mirror until SIGTERM: python -m tests.bench.serve SOCKET buffered|direct FILE..."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from mirrortui.device.opening import open_engine
from mirrortui.worker.loop import Loop
from mirrortui.worker.nbd_server import NbdServer
from tests.standin import StandIn


def main() -> None:
    socket, mode, *files = sys.argv[1:]
    engine = open_engine()
    loop = Loop(engine)
    target = StandIn(engine, [Path(file) for file in files], direct=mode == "direct")
    server = NbdServer(loop, target, "bench")
    print(server.listen_unix(Path(socket)).uri, flush=True)
    loop.on_signal(signal.SIGTERM, lambda: server.drain(loop.stop))
    loop.run()
    loop.close()
    engine.close()


if __name__ == "__main__":
    main()
