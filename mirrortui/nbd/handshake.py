"""The server's side of the handshake: fixed newstyle, one export, under its name and as the default ("")."""

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
    MAX_STRING,
    OPTION,
    OPTION_MAGIC,
    OPTION_REPLY,
    OPTION_REPLY_MAGIC,
    PREFERRED_BLOCK,
    U16,
    U32,
    HandshakeFlag,
    Info,
    Option,
    ProtocolError,
    Rep,
    TransmissionFlag,
)

MAX_OPTION = 64 << 10
"""Bytes of data that an option may bring: room for any honest one."""
CONTEXT_ID = 1
"""Of base:allocation, the only metadata context here."""
_OFFERED = HandshakeFlag.FIXED_NEWSTYLE | HandshakeFlag.NO_ZEROES


@dataclass(frozen=True, slots=True)
class Export:
    """What is on offer."""

    name: str
    size: int
    """Bytes."""
    block_size: int
    """Bytes: the smallest unit of offset and length, a power of two."""
    readonly: bool

    def flags(self, structured: bool) -> TransmissionFlag:
        """Transmission flags for a client that did, or did not, negotiate structured replies."""
        flag = TransmissionFlag
        flags = flag.HAS_FLAGS | flag.SEND_FLUSH | flag.SEND_FUA | flag.CAN_MULTI_CONN | flag.SEND_CACHE
        if self.readonly:
            flags |= flag.READ_ONLY
        else:
            flags |= flag.SEND_TRIM | flag.SEND_WRITE_ZEROES | flag.SEND_FAST_ZERO
        return flags | flag.SEND_DF if structured else flags


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed for the transmission phase."""

    export: Export
    structured: bool
    """Replies to reads are structured."""
    block_status: bool
    """base:allocation was selected."""


class _Invalid(Exception):
    """The option's data is not well-formed; the client is told so and may go on."""


class _Fields:
    """Takes an option's data apart, never past its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._data):
            raise _Invalid("the option's data is shorter than its own lengths say")
        piece, self._at = self._data[self._at : end], end
        return piece

    def u16(self) -> int:
        return int(U16.unpack(self.take(2))[0])

    def u32(self) -> int:
        return int(U32.unpack(self.take(4))[0])

    def string(self) -> str:
        length = self.u32()
        if length > MAX_STRING:
            raise _Invalid(f"a string of {length} bytes: at most {MAX_STRING} are allowed")
        return _text(self.take(length))

    def end(self) -> None:
        if self._at != len(self._data):
            raise _Invalid(f"{len(self._data) - self._at} bytes too many in the option's data")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _Invalid("a string that is not UTF-8") from None


class ServerHandshake(Conversation[Terms | None]):
    """From the greeting to Terms, or to None when the client took its leave.

    Raises ProtocolError out of `feed` where the protocol leaves only closing: garbage, unknown flags, an unknown
    name in EXPORT_NAME.
    """

    def __init__(self, export: Export) -> None:
        super().__init__(lambda out: _Server(export, out).script())


class _Server:
    def __init__(self, export: Export, out: bytearray) -> None:
        self._export = export
        self._out = out
        self._structured = False
        self._selected = False
        self._pad = True

    def script(self) -> Script[Terms | None]:
        self._out += GREETING.pack(INIT_MAGIC, OPTION_MAGIC, _OFFERED)
        (flags,) = CLIENT_FLAGS.unpack((yield CLIENT_FLAGS.size))
        if flags & _OFFERED != flags:
            raise ProtocolError(f"client flags {flags:#x}: only {int(_OFFERED):#x} are known")
        self._pad = not flags & HandshakeFlag.NO_ZEROES
        while True:
            magic, option, length = OPTION.unpack((yield OPTION.size))
            if magic != OPTION_MAGIC:
                raise ProtocolError(f"option magic {magic:#x}: expected {OPTION_MAGIC:#x}")
            if length > MAX_OPTION:
                raise ProtocolError(
                    f"option {option} with {length} bytes of data: at most {MAX_OPTION} are taken"
                )
            data = (yield length) if length else b""
            if option == Option.EXPORT_NAME:
                return self._export_name(data)
            if self._answer(option, data) and option in (Option.GO, Option.ABORT):
                return self._terms() if option == Option.GO else None

    def _terms(self) -> Terms:
        return Terms(self._export, self._structured, self._selected)

    def _export_name(self, data: bytes) -> Terms:
        """The old way in: it has no means to say no."""
        if not self._is_here(data.decode(errors="replace")):
            raise ProtocolError(f"no export named {data[:64]!r}")
        self._out += EXPORT_NAME_REPLY.pack(self._export.size, self._export.flags(self._structured))
        if self._pad:
            self._out += EXPORT_NAME_ZEROES
        return self._terms()

    def _answer(self, option: int, data: bytes) -> bool:
        """Reply to an option; whether it was accepted."""
        try:
            refused = self._handle(option, _Fields(data))
        except _Invalid as problem:
            refused = Rep.ERR_INVALID, str(problem)
        reply, text = refused or (Rep.ACK, "")
        self._reply(option, reply, text.encode())
        return reply == Rep.ACK

    def _handle(self, option: int, fields: _Fields) -> tuple[Rep, str] | None:
        """Do what an option asks; None when that is to be acknowledged, else the refusal."""
        match option:
            case Option.ABORT:
                pass  # data with it is to be ignored
            case Option.LIST:
                fields.end()
                name = self._export.name.encode()
                self._reply(option, Rep.SERVER, U32.pack(len(name)) + name)
            case Option.STRUCTURED_REPLY:
                fields.end()
                self._structured = True
            case Option.INFO | Option.GO:
                return self._info(option, fields)
            case Option.LIST_META_CONTEXT | Option.SET_META_CONTEXT:
                return self._meta_context(option, fields)
            case _:
                return Rep.ERR_UNSUP, f"option {option} is not known here"
        return None

    def _info(self, option: int, fields: _Fields) -> tuple[Rep, str] | None:
        name = fields.string()
        wanted = {fields.u16() for _ in range(fields.u16())}
        fields.end()
        if not self._is_here(name):
            return self._unknown(name)
        export = self._export
        flags = export.flags(self._structured)
        self._reply(option, Rep.INFO, INFO_EXPORT.pack(Info.EXPORT, export.size, flags))
        if Info.NAME in wanted:
            self._reply(option, Rep.INFO, U16.pack(Info.NAME) + export.name.encode())
        preferred = max(PREFERRED_BLOCK, export.block_size)
        sizes = INFO_BLOCK_SIZE.pack(Info.BLOCK_SIZE, export.block_size, preferred, MAX_PAYLOAD)
        self._reply(option, Rep.INFO, sizes)
        return None

    def _meta_context(self, option: int, fields: _Fields) -> tuple[Rep, str] | None:
        setting = option == Option.SET_META_CONTEXT
        if setting:
            self._selected = False  # even when this fails
        name = fields.string()
        queries = {fields.string() for _ in range(fields.u32())}
        fields.end()
        if not self._structured:
            return Rep.ERR_INVALID, "metadata contexts need structured replies first"
        if not self._is_here(name):
            return self._unknown(name)
        if BASE_ALLOCATION in queries or (not setting and (not queries or "base:" in queries)):
            self._selected = self._selected or setting
            self._reply(
                option, Rep.META_CONTEXT, U32.pack(CONTEXT_ID if setting else 0) + BASE_ALLOCATION.encode()
            )
        return None

    def _is_here(self, name: str) -> bool:
        return name in ("", self._export.name)

    def _unknown(self, name: str) -> tuple[Rep, str]:
        return Rep.ERR_UNKNOWN, f"no export named {name[:64]!r} here; there is {self._export.name!r}"

    def _reply(self, option: int, reply: Rep, data: bytes = b"") -> None:
        self._out += OPTION_REPLY.pack(OPTION_REPLY_MAGIC, option, reply, len(data)) + data
