"""A server's replies taken apart: bytes in, finished answers out. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from mirrortui.nbd.conversation import Conversation, Script
from mirrortui.nbd.protocol import (
    CHUNK,
    CHUNK_DONE,
    EXTENT,
    MAX_PAYLOAD,
    SIMPLE_REPLY,
    SIMPLE_REPLY_MAGIC,
    STRUCTURED_REPLY_MAGIC,
    U16,
    U32,
    Chunk,
    Command,
    Error,
    ProtocolError,
)

_U64_SIZE = 8
_MOST_CHUNK = MAX_PAYLOAD + 4096
"""Bytes of a chunk's payload: the longest that a request of ours can bring."""


@dataclass(slots=True)
class Answer:
    """How a request ended."""

    cookie: int
    command: Command
    offset: int
    length: int
    error: int = 0
    """0, or the protocol's error value."""
    text: str = ""
    """What the server said of the error."""
    data: bytes | bytearray = b""
    """What a READ found."""
    extents: list[tuple[int, int]] = field(default_factory=list)
    """What BLOCK_STATUS found: length and flags."""
    arrived: int = 0
    """Bytes of `data` so far."""


class Answers(Conversation[None]):
    """`expect` a request's answer, `feed` bytes; `ended` ones gather in the order in which they come to their end.

    Raises ProtocolError out of `feed`.
    """

    def __init__(self) -> None:
        self.expected: dict[int, Answer] = {}
        """By cookie: requests without their answer."""
        self.finished: list[Answer] = []
        super().__init__(lambda _: self._replies())

    def expect(self, answer: Answer) -> None:
        """A request with this cookie is on its way."""
        self.expected[answer.cookie] = answer

    def _replies(self) -> Script[None]:
        while True:
            head = yield U32.size
            (magic,) = U32.unpack(head)
            if magic == SIMPLE_REPLY_MAGIC:
                yield from self._simple(head)
            elif magic == STRUCTURED_REPLY_MAGIC:
                yield from self._structured(head)
            else:
                raise ProtocolError(f"The server's reply begins with {magic:#x}, which is no reply.")

    def _simple(self, head: bytes) -> Script[None]:
        _, error, cookie = SIMPLE_REPLY.unpack(head + (yield SIMPLE_REPLY.size - len(head)))
        answer = self._for(cookie)
        answer.error = error
        if answer.command == Command.READ and not error and answer.length:
            answer.data = yield answer.length
            answer.arrived = answer.length
        self._finish(answer)

    def _structured(self, head: bytes) -> Script[None]:
        _, flags, kind, cookie, length = CHUNK.unpack(head + (yield CHUNK.size - len(head)))
        if length > _MOST_CHUNK:
            raise ProtocolError(
                f"The server sends a chunk of {length} bytes; nothing that long was asked for."
            )
        answer = self._for(cookie)
        body = (yield length) if length else b""
        if kind == Chunk.OFFSET_DATA:
            self._put(answer, body, len(body) - _U64_SIZE, body[_U64_SIZE:])
        elif kind == Chunk.OFFSET_HOLE:
            self._put(answer, body, int.from_bytes(body[_U64_SIZE:]), None)
        elif kind == Chunk.BLOCK_STATUS:
            answer.extents = _extents(body)
        elif Chunk.is_error(kind):
            answer.error, answer.text = _error(body)
        elif kind != Chunk.NONE or length:
            raise ProtocolError(f"The server sends a chunk of type {kind}, which was not asked for.")
        if flags & CHUNK_DONE:
            self._finish(answer)

    def _for(self, cookie: int) -> Answer:
        if cookie not in self.expected:
            raise ProtocolError(f"The server answers a request that was not made (cookie {cookie:#x}).")
        return self.expected[cookie]

    def _put(self, answer: Answer, body: bytes, count: int, content: bytes | None) -> None:
        """A piece of a read, in any order; a hole where there is no content."""
        at = int.from_bytes(body[:_U64_SIZE]) - answer.offset
        if answer.command != Command.READ or not 0 <= at < at + count <= answer.length:
            raise ProtocolError("The server sends data outside of what was asked for.")
        if count == answer.length and content:
            answer.data = content
        else:
            data = answer.data = (
                answer.data if isinstance(answer.data, bytearray) else bytearray(answer.length)
            )
            if content:
                data[at : at + count] = content
        answer.arrived += count

    def _finish(self, answer: Answer) -> None:
        if answer.command == Command.READ and not answer.error and answer.arrived != answer.length:
            raise ProtocolError("The server ends a read without its data.")
        del self.expected[answer.cookie]
        self.finished.append(answer)


def _error(body: bytes) -> tuple[int, str]:
    if len(body) < U32.size + U16.size:
        raise ProtocolError("The server sends an error without its number.")
    (error,), (length,) = U32.unpack_from(body), U16.unpack_from(body, U32.size)
    text = body[U32.size + U16.size :][:length].decode(errors="replace")
    return error or Error.EINVAL, text


def _extents(body: bytes) -> list[tuple[int, int]]:
    if len(body) < U32.size + EXTENT.size or (len(body) - U32.size) % EXTENT.size:
        raise ProtocolError("The server sends a block status that does not come out even.")
    return list(EXTENT.iter_unpack(body[U32.size :]))
