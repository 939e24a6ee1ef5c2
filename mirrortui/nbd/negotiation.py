"""The client's side of the handshake: structured replies and block status where the server has them, then in."""

from __future__ import annotations

from dataclasses import dataclass

from mirrortui.nbd.conversation import Conversation, Script
from mirrortui.nbd.protocol import (
    BASE_ALLOCATION,
    CLIENT_FLAGS,
    EXPORT_NAME_REPLY,
    EXPORT_NAME_ZEROES,
    GREETING,
    INFO_BLOCK_SIZE,
    INFO_EXPORT,
    INIT_MAGIC,
    MAX_PAYLOAD,
    OPTION,
    OPTION_MAGIC,
    OPTION_REPLY,
    OPTION_REPLY_MAGIC,
    U16,
    U32,
    HandshakeFlag,
    Info,
    NbdError,
    Option,
    ProtocolError,
    Rep,
    TransmissionFlag,
)

_MOST_REPLY = 64 << 10
"""Bytes of data in a server's reply to an option."""
_MOST_REPLIES = 1024
"""Replies to one option: a server that never comes to its end is not listened to for ever."""


@dataclass(slots=True)
class Welcome:
    """What the server said of the export."""

    size: int = -1
    flags: TransmissionFlag = TransmissionFlag.HAS_FLAGS
    structured: bool = False
    block_status: int | None = None
    """The id of base:allocation, if it was selected."""
    minimum_block: int = 1
    preferred_block: int = 4096
    maximum_payload: int = MAX_PAYLOAD


class ClientHandshake(Conversation[Welcome]):
    """From the server's greeting to its Welcome.

    Raises out of `feed`: NbdError when the server refuses, ProtocolError when its bytes are not NBD.
    """

    def __init__(self, export: str) -> None:
        super().__init__(lambda out: _Client(export, out).script())


class _Client:
    def __init__(self, export: str, out: bytearray) -> None:
        self._export = export
        self._name = export.encode()
        self._out = out
        self._welcome = Welcome()

    def script(self) -> Script[Welcome]:
        first, second, offered = GREETING.unpack((yield GREETING.size))
        if (first, second) != (INIT_MAGIC, OPTION_MAGIC):
            raise ProtocolError("The other side is not an NBD server of the newstyle kind.")
        taken = offered & (HandshakeFlag.FIXED_NEWSTYLE | HandshakeFlag.NO_ZEROES)
        self._out += CLIENT_FLAGS.pack(taken)
        if offered & HandshakeFlag.FIXED_NEWSTYLE:
            self._welcome.structured = (yield from self._ask(Option.STRUCTURED_REPLY)) == Rep.ACK
            if self._welcome.structured:
                yield from self._ask(Option.SET_META_CONTEXT, self._context())
            answer = yield from self._ask(Option.GO, self._go())
            if answer == Rep.ACK:
                return self._checked()
            if answer != Rep.ERR_UNSUP:
                raise self._refused(answer)
        yield from self._export_name(padded=not taken & HandshakeFlag.NO_ZEROES)
        return self._checked()

    def _context(self) -> bytes:
        query = BASE_ALLOCATION.encode()
        return U32.pack(len(self._name)) + self._name + U32.pack(1) + U32.pack(len(query)) + query

    def _go(self) -> bytes:
        return U32.pack(len(self._name)) + self._name + U16.pack(1) + U16.pack(Info.BLOCK_SIZE)

    def _ask(self, option: Option, data: bytes = b"") -> Script[int]:
        """The server's final reply to an option."""
        self._out += OPTION.pack(OPTION_MAGIC, option, len(data)) + data
        for _ in range(_MOST_REPLIES):
            magic, answered, reply, length = OPTION_REPLY.unpack((yield OPTION_REPLY.size))
            if magic != OPTION_REPLY_MAGIC or answered != option or length > _MOST_REPLY:
                raise ProtocolError(f"The server's reply to option {option.name} is not one.")
            body = (yield length) if length else b""
            if reply == Rep.ACK or Rep.is_error(reply):
                return int(reply)
            self._learn(reply, body)
        raise ProtocolError(f"The server's replies to option {option.name} do not end.")

    def _learn(self, reply: int, body: bytes) -> None:
        """Take in what a server tells before its final reply; ignore what is not known."""
        welcome = self._welcome
        if reply == Rep.META_CONTEXT and body[4:] == BASE_ALLOCATION.encode():
            welcome.block_status = U32.unpack_from(body)[0]
        elif reply == Rep.INFO and len(body) >= U16.size:
            (kind,) = U16.unpack_from(body)
            if kind == Info.EXPORT and len(body) == INFO_EXPORT.size:
                _, welcome.size, flags = INFO_EXPORT.unpack(body)
                welcome.flags = TransmissionFlag(flags)
            elif kind == Info.BLOCK_SIZE and len(body) == INFO_BLOCK_SIZE.size:
                sizes = INFO_BLOCK_SIZE.unpack(body)
                _, welcome.minimum_block, welcome.preferred_block, welcome.maximum_payload = sizes

    def _export_name(self, padded: bool) -> Script[None]:
        """The old way in; a server that refuses closes the connection."""
        self._out += OPTION.pack(OPTION_MAGIC, Option.EXPORT_NAME, len(self._name)) + self._name
        self._welcome.size, flags = EXPORT_NAME_REPLY.unpack((yield EXPORT_NAME_REPLY.size))
        self._welcome.flags = TransmissionFlag(flags)
        if padded:
            yield len(EXPORT_NAME_ZEROES)

    def _checked(self) -> Welcome:
        welcome = self._welcome
        if not 0 <= welcome.size < 1 << 63:
            raise ProtocolError(f"The server gave {welcome.size} as the export's size.")
        return welcome

    def _refused(self, answer: int) -> NbdError:
        if answer == Rep.ERR_UNKNOWN:
            return NbdError(
                f"The server has no export named {self._export!r}.", hint="List them with nbdinfo --list."
            )
        if answer == Rep.ERR_TLS_REQD:
            return NbdError("The server wants TLS, which this client does not speak.")
        return NbdError(f"The server refused export {self._export!r} (reply {answer:#x}).")
