"""Replies as bytes in an Outbox: simple, or structured where that was negotiated."""

from __future__ import annotations

from mirrortui.nbd.outbox import Outbox, Owner
from mirrortui.nbd.protocol import (
    CHUNK,
    CHUNK_DONE,
    DATA_CHUNK,
    ERROR_CHUNK,
    SIMPLE_REPLY,
    SIMPLE_REPLY_MAGIC,
    STRUCTURED_REPLY_MAGIC,
    Chunk,
    Error,
)

_COPY = 32 << 10
"""Data shorter than this is packed with other replies, not sent as a piece of its own."""
_OFFSET_DATA = int(Chunk.OFFSET_DATA)


class Replies:
    """One client's replies."""

    __slots__ = ("_out", "_structured")

    def __init__(self, out: Outbox, structured: bool) -> None:
        self._out = out
        self._structured = structured

    def ack(self, cookie: int) -> None:
        """Done; no data."""
        self._out.append(SIMPLE_REPLY.pack(SIMPLE_REPLY_MAGIC, 0, cookie))

    def fail(self, cookie: int, error: Error, text: str) -> None:
        """The request failed; the text goes along where the reply has room for it."""
        if not self._structured:
            self._out.append(SIMPLE_REPLY.pack(SIMPLE_REPLY_MAGIC, error, cookie))
            return
        message = text.encode()
        header = (
            STRUCTURED_REPLY_MAGIC,
            CHUNK_DONE,
            Chunk.ERROR,
            cookie,
            6 + len(message),
            error,
            len(message),
        )
        self._out.append(ERROR_CHUNK.pack(*header) + message)

    def data(self, cookie: int, offset: int, view: memoryview, owner: Owner) -> None:
        """What a read found; the owner is dropped when the bytes are no longer needed."""
        length = len(view)
        if not self._structured:
            header = SIMPLE_REPLY.pack(SIMPLE_REPLY_MAGIC, 0, cookie)
        elif length:
            header = DATA_CHUNK.pack(
                STRUCTURED_REPLY_MAGIC, CHUNK_DONE, _OFFSET_DATA, cookie, 8 + length, offset
            )
        else:  # a content chunk may not be empty
            header = CHUNK.pack(STRUCTURED_REPLY_MAGIC, CHUNK_DONE, Chunk.NONE, cookie, 0)
        self._out.append(header)
        if length < _COPY:
            self._out.append(view)
            owner.drop()
        else:
            self._out.give(view, owner)

    def status(self, cookie: int, payload: bytes) -> None:
        """What BLOCK_STATUS found."""
        header = (STRUCTURED_REPLY_MAGIC, CHUNK_DONE, Chunk.BLOCK_STATUS, cookie, len(payload))
        self._out.append(CHUNK.pack(*header) + payload)
