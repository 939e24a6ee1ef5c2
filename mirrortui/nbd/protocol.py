"""The words of the NBD protocol: magics, options, commands, flags, errors and the structs that carry them.

After doc/proto.md of the reference implementation (NetworkBlockDevice/nbd). All integers are big-endian.
"""

from __future__ import annotations

import enum
import errno
from struct import Struct
from typing import ClassVar

from mirrortui.errors import MirrortuiError

INIT_MAGIC = 0x4E42444D41474943  # "NBDMAGIC"
OPTION_MAGIC = 0x49484156454F5054  # "IHAVEOPT"
OPTION_REPLY_MAGIC = 0x3E889045565A9
REQUEST_MAGIC = 0x25609513
SIMPLE_REPLY_MAGIC = 0x67446698
STRUCTURED_REPLY_MAGIC = 0x668E33EF

MAX_STRING = 4096
"""Bytes in an export name or a metadata context's name."""
MAX_PAYLOAD = 32 << 20
"""Bytes that one request may carry or ask for; what every server should take, so what clients count on."""
PREFERRED_BLOCK = 4096

GREETING = Struct(">QQH")
"""Both magics, handshake flags."""
CLIENT_FLAGS = Struct(">I")
OPTION = Struct(">QII")
"""Magic, option, length of the data that follows."""
OPTION_REPLY = Struct(">QIII")
"""Magic, option, reply type, length of the data that follows."""
EXPORT_NAME_REPLY = Struct(">QH")
"""Size, transmission flags; 124 zeroes follow unless the client asked to be spared."""
EXPORT_NAME_ZEROES = bytes(124)
INFO_EXPORT = Struct(">HQH")
"""Info type, size, transmission flags."""
INFO_BLOCK_SIZE = Struct(">HIII")
"""Info type, minimum block, preferred block, maximum payload."""
REQUEST = Struct(">IHHQQI")
"""Magic, command flags, command, cookie, offset, length."""
SIMPLE_REPLY = Struct(">IIQ")
"""Magic, error, cookie."""
CHUNK = Struct(">IHHQI")
"""Structured reply chunk: magic, flags, chunk type, cookie, length of the payload that follows."""
DATA_CHUNK = Struct(">IHHQIQ")
"""A chunk's header and the offset that begins the payload of OFFSET_DATA."""
ERROR_CHUNK = Struct(">IHHQIIH")
"""A chunk's header, the error, and the length of the message that follows."""
EXTENT = Struct(">II")
"""Block status descriptor: length, flags."""
U16 = Struct(">H")
U32 = Struct(">I")


class HandshakeFlag(enum.IntFlag):
    """Server's and client's flags of the greeting; they pair by value."""

    FIXED_NEWSTYLE = 1
    NO_ZEROES = 2


class TransmissionFlag(enum.IntFlag):
    """What an export can do."""

    HAS_FLAGS = 1 << 0
    READ_ONLY = 1 << 1
    SEND_FLUSH = 1 << 2
    SEND_FUA = 1 << 3
    ROTATIONAL = 1 << 4
    SEND_TRIM = 1 << 5
    SEND_WRITE_ZEROES = 1 << 6
    SEND_DF = 1 << 7
    CAN_MULTI_CONN = 1 << 8
    SEND_CACHE = 1 << 10
    SEND_FAST_ZERO = 1 << 11


class Option(enum.IntEnum):
    """What a client may ask during the handshake."""

    EXPORT_NAME = 1
    ABORT = 2
    LIST = 3
    STARTTLS = 5
    INFO = 6
    GO = 7
    STRUCTURED_REPLY = 8
    LIST_META_CONTEXT = 9
    SET_META_CONTEXT = 10


_ERROR_REPLY = 1 << 31


class Rep(enum.IntEnum):
    """Types of a reply to an option."""

    ACK = 1
    SERVER = 2
    INFO = 3
    META_CONTEXT = 4
    ERR_UNSUP = _ERROR_REPLY + 1
    ERR_POLICY = _ERROR_REPLY + 2
    ERR_INVALID = _ERROR_REPLY + 3
    ERR_PLATFORM = _ERROR_REPLY + 4
    ERR_TLS_REQD = _ERROR_REPLY + 5
    ERR_UNKNOWN = _ERROR_REPLY + 6
    ERR_SHUTDOWN = _ERROR_REPLY + 7
    ERR_BLOCK_SIZE_REQD = _ERROR_REPLY + 8
    ERR_TOO_BIG = _ERROR_REPLY + 9

    @staticmethod
    def is_error(reply: int) -> bool:
        """Whether a reply type, known or not, says no."""
        return reply >= _ERROR_REPLY


class Info(enum.IntEnum):
    """Pieces of information about an export."""

    EXPORT = 0
    NAME = 1
    DESCRIPTION = 2
    BLOCK_SIZE = 3


class Command(enum.IntEnum):
    """Requests of the transmission phase."""

    READ = 0
    WRITE = 1
    DISC = 2
    FLUSH = 3
    TRIM = 4
    CACHE = 5
    WRITE_ZEROES = 6
    BLOCK_STATUS = 7


class CommandFlag(enum.IntFlag):
    """How a request is meant."""

    FUA = 1 << 0
    NO_HOLE = 1 << 1
    DF = 1 << 2
    REQ_ONE = 1 << 3
    FAST_ZERO = 1 << 4


class Chunk(enum.IntEnum):
    """Types of a structured reply chunk."""

    NONE = 0
    OFFSET_DATA = 1
    OFFSET_HOLE = 2
    BLOCK_STATUS = 5
    ERROR = (1 << 15) + 1
    ERROR_OFFSET = (1 << 15) + 2

    @staticmethod
    def is_error(chunk: int) -> bool:
        """Whether a chunk type, known or not, reports an error."""
        return bool(chunk >> 15)


CHUNK_DONE = 1
"""Flag of the last chunk of a reply."""
STATE_HOLE, STATE_ZERO = 1, 2
"""Flags of an extent in base:allocation."""
BASE_ALLOCATION = "base:allocation"


class Error(enum.IntEnum):
    """Error values that may be sent, whatever the system's own are."""

    EPERM = 1
    EIO = 5
    ENOMEM = 12
    EINVAL = 22
    ENOSPC = 28
    EOVERFLOW = 75
    ENOTSUP = 95
    ESHUTDOWN = 108


_FROM_ERRNO = {
    errno.EPERM: Error.EPERM,
    errno.EACCES: Error.EPERM,
    errno.EROFS: Error.EPERM,
    errno.ENOMEM: Error.ENOMEM,
    errno.EINVAL: Error.EINVAL,
    errno.ENOSPC: Error.ENOSPC,
    errno.EDQUOT: Error.ENOSPC,
    errno.EFBIG: Error.ENOSPC,
    errno.EOVERFLOW: Error.EOVERFLOW,
    errno.EOPNOTSUPP: Error.ENOTSUP,
    errno.ESHUTDOWN: Error.ESHUTDOWN,
}


def error_from_errno(number: int) -> Error:
    """What to send for a positive errno; EIO for those that the protocol has no value for."""
    return _FROM_ERRNO.get(number, Error.EIO)


class NbdError(MirrortuiError):
    """An NBD peer refused, failed or left."""

    code: ClassVar[str] = "nbd"

    def __init__(self, what: str, *, hint: str = "", error: int = 0) -> None:
        super().__init__(what, hint=hint)
        self.error = error
        """The protocol's error value (see Error); 0 when the trouble is not a peer's answer."""


class ProtocolError(NbdError):
    """The peer's bytes are not what the protocol allows here; only closing the connection is left."""
