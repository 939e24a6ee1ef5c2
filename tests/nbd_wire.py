"""Doubles for NBD's sans-I/O tests: a target in memory that answers when told to, and a wire to a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mirrortui.device.base import Extent
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.nbd.answers import Answer, Answers
from mirrortui.nbd.budget import Budget
from mirrortui.nbd.handshake import Export, Terms
from mirrortui.nbd.outbox import Outbox
from mirrortui.nbd.protocol import REQUEST, REQUEST_MAGIC, Command
from mirrortui.nbd.requests import Traffic
from mirrortui.nbd.session import Next, Session

Done = Callable[[int], None]
ReadDone = Callable[[int, Buffer], None]


class MemoryTarget:
    """Bytes in memory. Inline when `inline`; whatever is started waits in `waiting` until `answer`."""

    readonly = False

    def __init__(self, size: int = 4 << 20, *, inline: bool = True, block_size: int = 1) -> None:
        self.pool = Pool()
        self.pool.poison = True
        self.size = size
        self.block_size = block_size
        self.inline = inline
        self.can_punch = True
        self.data = bytearray(size)
        self.calls: list[str] = []
        self.waiting: list[tuple[Callable[[], None], Done]] = []
        self.holes: list[tuple[int, int]] = []

    def try_write(self, offset: int, data: memoryview) -> bool:
        if self.inline:
            self.data[offset : offset + len(data)] = data
        return self.inline

    def try_read(self, offset: int, into: memoryview) -> bool:
        if self.inline:
            into[:] = self.data[offset : offset + len(into)]
        return self.inline

    def start_write(self, offset: int, buffer: Buffer, length: int, fua: bool, done: Done) -> None:
        def act() -> None:
            self.data[offset : offset + length] = buffer.view[:length]

        self._wait(f"write {offset} {length}{' fua' if fua else ''}", act, done)

    def start_read(self, offset: int, buffer: Buffer, length: int, done: ReadDone) -> None:
        def act() -> None:
            buffer.view[:length] = self.data[offset : offset + length]

        self._wait(f"read {offset} {length}", act, lambda error: done(error, buffer))

    def start_zero(self, offset: int, length: int, fua: bool, keep: bool, done: Done) -> None:
        def act() -> None:
            self.data[offset : offset + length] = bytes(length)

        self._wait(f"zero {offset} {length}{' fua' if fua else ''}{' keep' if keep else ''}", act, done)

    def start_trim(self, offset: int, length: int, fua: bool, done: Done) -> None:
        self._wait(f"trim {offset} {length}{' fua' if fua else ''}", lambda: None, done)

    def start_flush(self, done: Done) -> None:
        self._wait("flush", lambda: None, done)

    def extents(self, offset: int, length: int) -> list[Extent]:
        """`holes` are offset and length; all else is data."""
        self.calls.append(f"extents {offset} {length}")
        found, end = [], offset + length
        for start, size in [*self.holes, (end, 0)]:
            start, stop = max(start, offset), min(start + size, end)
            if offset < start <= end:
                found.append(Extent(offset, start - offset, False))
                offset = start
            if start < stop:
                found.append(Extent(start, stop - start, True))
                offset = stop
        return found

    def answer(self, errno: int = 0, *, last: bool = False) -> None:
        """Finish one of the waiting: the oldest, or the youngest."""
        act, done = self.waiting.pop(-1 if last else 0)
        if not errno:
            act()
        done(errno)

    def answer_all(self) -> None:
        while self.waiting:
            self.answer()

    def _wait(self, what: str, act: Callable[[], None], done: Done) -> None:
        self.calls.append(what)
        self.waiting.append((act, done))


class Wire:
    """A client's end of a session: sends request bytes in pieces of `piece`, takes replies apart."""

    def __init__(
        self,
        target: MemoryTarget,
        *,
        structured: bool = True,
        readonly: bool = False,
        piece: int = 1 << 30,
        budget: Budget | None = None,
    ) -> None:
        export = Export("m", target.size, target.block_size, readonly)
        self.out = Outbox(target.pool)
        self.traffic = Traffic()
        self.wakes = 0
        terms = Terms(export, structured, structured)
        budget = budget or Budget(64 << 20)
        self.session = Session(target, terms, self.out, budget, self.traffic, self._wake)
        self.answers = Answers()
        self.piece = piece
        self.next = Next.BYTES
        self.raw = bytearray()
        """Reply bytes, as they were sent."""
        self.reading = True
        """Replies are taken off the outbox."""
        self._unsent = bytearray()
        self._holding = False
        self._cookie = 0x1000

    def request(
        self,
        command: int,
        offset: int = 0,
        length: int | None = None,
        data: bytes = b"",
        flags: int = 0,
    ) -> int:
        """Send a request; its cookie."""
        length = len(data) if length is None else length
        self._cookie += 1
        if command in Command.__members__.values() and command != Command.DISC:
            self.answers.expect(Answer(self._cookie, Command(command), offset, length))
        else:
            self.answers.expect(Answer(self._cookie, Command.FLUSH, offset, length))
        self.send(REQUEST.pack(REQUEST_MAGIC, flags, command, self._cookie, offset, length) + data)
        return self._cookie

    def ask(
        self, command: int, offset: int = 0, length: int | None = None, data: bytes = b"", flags: int = 0
    ) -> Answer:
        """Send a request and take its answer, which must be there."""
        cookie = self.request(command, offset, length, data, flags)
        found = [answer for answer in self.answers.finished if answer.cookie == cookie]
        assert found, f"no answer to {command} yet"
        self.answers.finished.remove(found[0])
        return found[0]

    def take(self) -> Answer:
        """The oldest answer that came."""
        self.go_on()
        return self.answers.finished.pop(0)

    def send(self, data: bytes) -> None:
        self._unsent += data
        self.go_on()

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """What is sent meanwhile arrives at once, at the end."""
        self._holding = True
        yield
        self._holding = False
        self.go_on()

    def go_on(self) -> None:
        """Let the session have what it takes, and take what it gives."""
        while not self._holding:
            self.next = self.session.process()
            received = self._receive()
            if self.next is Next.TURN or (self.next is Next.ROOM and received):
                continue
            if self.next is not Next.BYTES or not self._unsent:
                return
            given = 0
            for space in self.session.space():
                count = min(len(space), len(self._unsent), self.piece - given)
                space[:count] = self._unsent[:count]
                del self._unsent[:count]
                given += count
            self.session.received(given)

    def _receive(self) -> int:
        before = len(self.raw)
        while self.reading and self.out.pending:
            data = b"".join(self.out.pieces())
            self.out.sent(len(data))
            self.raw += data
            self.answers.feed(data)
        return len(self.raw) - before

    def _wake(self) -> None:
        self.wakes += 1
