"""Live traffic that knows what it wrote: an NBD client which reads back and compares, and comes again when cut off.

`python -m mirrortui.testing.traffic URI` writes a line of JSON every so often; `mirrortui demo` and the tests use it.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import select
import signal
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import msgspec
from xxhash import xxh3_128_digest

from mirrortui.errors import MirrortuiError
from mirrortui.nbd.client import NbdClient
from mirrortui.nbd.protocol import Command

BLOCK = 4096
BLOCKS = 1024
"""Most blocks that are used, spread evenly over the export."""
REPORT = 0.25
"""Seconds between reports."""
DEPTH = 8
"""Requests in flight."""
_STAMP = struct.Struct("<2Q")
_COME_AGAIN = 0.05
"""Seconds between attempts to connect."""


@dataclass
class Tally:
    """What came of it so far."""

    reads: int = 0
    writes: int = 0
    errors: int = 0
    """Requests that were answered with an error."""
    mismatches: int = 0
    """Blocks that held what was never written there, or what was overwritten."""
    reconnects: int = 0
    first_problem: str = ""

    def problem(self, text: str) -> None:
        """Keep the first one for the report."""
        self.first_problem = self.first_problem or text


@dataclass
class Verifier:
    """One client's memory: which versions each of its blocks may hold."""

    rng: random.Random
    tally: Tally = field(default_factory=Tally)
    span: int = 1 << 60
    """Bytes of the export that are used, from its beginning."""
    possible: dict[int, set[int]] = field(default_factory=dict)
    """More than one where a write was cut off: it may have arrived or not, until the block is read."""
    _busy: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Block and version by cookie; version 0 for a read."""
    _version: int = 0

    def work(self, client: NbdClient, until: Callable[[], bool], pause: float) -> None:
        """Keep requests in flight until told to end. Raises NbdError when the connection is lost."""
        whole = min(self.span, client.size) // BLOCK
        blocks = min(BLOCKS, whole)
        spread = whole // blocks
        try:
            while not until():
                while client.in_flight < DEPTH:
                    self._submit(client, blocks, spread)
                self._collect(client)
                time.sleep(pause)
            while client.in_flight:
                self._collect(client)
        finally:
            self._forget_in_flight()

    def _submit(self, client: NbdClient, blocks: int, spread: int) -> None:
        taken = {block for block, _ in self._busy.values()}
        block = self.rng.choice([n for n in self.rng.sample(range(blocks), DEPTH) if n not in taken])
        offset = block * spread * BLOCK
        if block in self.possible and self.rng.random() < 0.5:
            self._busy[client.submit(Command.READ, offset, BLOCK)] = block, 0
            return
        self._version += 1
        cookie = client.submit(Command.WRITE, offset, BLOCK, _content(block, self._version))
        self._busy[cookie] = block, self._version

    def _collect(self, client: NbdClient) -> None:
        answer = client.collect()
        block, version = self._busy.pop(answer.cookie)
        if answer.error:
            self.tally.errors += 1
            self.tally.problem(f"block {block}: errno {answer.error}")
            if version:
                self.possible.setdefault(block, set()).add(version)
        elif version:
            self.tally.writes += 1
            self.possible[block] = {version}
        else:
            self.tally.reads += 1
            self._compare(block, bytes(answer.data))

    def _compare(self, block: int, data: bytes) -> None:
        for version in self.possible[block]:
            if data == _content(block, version):
                self.possible[block] = {version}
                return
        self.tally.mismatches += 1
        found = _STAMP.unpack_from(data)
        self.tally.problem(f"block {block} holds {found}, expected version {sorted(self.possible[block])}")

    def _forget_in_flight(self) -> None:
        """Cut off: writes in flight may have arrived or not."""
        for block, version in self._busy.values():
            if version:
                self.possible.setdefault(block, {0}).add(version)
        self._busy.clear()


def run(uri: str, verifier: Verifier, until: Callable[[], bool], pause: float = 0.0) -> None:
    """Work until told to end, over as many connections as it takes."""
    connected = False
    while not until():
        try:
            with contextlib.closing(NbdClient.connect(uri)) as client:
                verifier.tally.reconnects += connected
                connected = True
                verifier.work(client, until, pause)
        except MirrortuiError:
            time.sleep(_COME_AGAIN)


def _content(block: int, version: int) -> bytes:
    """Says what it is, and no other block or version has a byte run in common. Version 0 is a blank export's."""
    stamp = _STAMP.pack(block, version)
    return stamp + xxh3_128_digest(stamp) * (BLOCK // _STAMP.size - 1) if version else bytes(BLOCK)


def main() -> int:
    """Exit code 1 if anything was wrong with an answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds after each answer")
    parser.add_argument("--span", type=int, default=1 << 60, help="bytes to use")
    parser.add_argument(
        "--attached", action="store_true", help="end when stdin does: with whoever started this"
    )
    options = parser.parse_args()
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: ended.append(number))
    verifier = Verifier(random.Random(options.seed), span=options.span)
    next_report = time.monotonic()

    def until() -> bool:
        nonlocal next_report
        if time.monotonic() >= next_report:
            next_report += REPORT
            _report(verifier.tally)
            if options.attached and select.select([sys.stdin], [], [], 0)[0]:
                ended.append(0)
        return bool(ended)

    run(options.uri, verifier, until, options.pause)
    _report(verifier.tally)
    return int(verifier.tally.errors + verifier.tally.mismatches > 0)


def _report(tally: Tally) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(asdict(tally)) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
