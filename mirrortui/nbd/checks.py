"""Whether a request may be served, decided in one place: the protocol's error and a sentence, or None."""

from __future__ import annotations

from mirrortui.nbd.handshake import Terms
from mirrortui.nbd.protocol import MAX_PAYLOAD, Command, CommandFlag, Error

_READ, _FLUSH, _STATUS = int(Command.READ), int(Command.FLUSH), int(Command.BLOCK_STATUS)
_FUA, _DF = int(CommandFlag.FUA), int(CommandFlag.DF)
_KNOWN_FLAGS: dict[int, int] = {
    Command.READ: _FUA | _DF,
    Command.WRITE: _FUA,
    Command.FLUSH: _FUA,
    Command.TRIM: _FUA,
    Command.CACHE: _FUA,
    Command.WRITE_ZEROES: _FUA | int(CommandFlag.NO_HOLE | CommandFlag.FAST_ZERO),
    Command.BLOCK_STATUS: _FUA | int(CommandFlag.REQ_ONE),
}
"""FUA goes with every command, even where there is nothing to write. Plain ints: an IntFlag costs more than all else
here, and its ~ forgets unknown bits."""
_CHANGES = frozenset((Command.WRITE, Command.WRITE_ZEROES, Command.TRIM))
_GROWS = frozenset((Command.WRITE, Command.WRITE_ZEROES))
"""What needs space: past the end there is none."""
_CARRIES = frozenset((Command.READ, Command.WRITE))
"""What moves a payload in either direction."""

Refusal = tuple[Error, str]


def refusal(
    terms: Terms, command: int, flags: int, offset: int, length: int, readonly: bool = False
) -> Refusal | None:
    """Why a request cannot be served; None when it can. `readonly`: the target has become so since the handshake."""
    export = terms.export
    known = _KNOWN_FLAGS.get(command)
    if known is None:
        return Error.EINVAL, f"command {command} is not known here"
    if flags & ~known:
        return Error.EINVAL, f"flags {flags:#x} do not go with {Command(command).name}"
    if export.readonly and command in _CHANGES:
        return Error.EPERM, "this export is read-only"
    if readonly and command in _CHANGES:
        return Error.EPERM, "it is read-only now"
    if command == _FLUSH and (offset or length):
        return Error.EINVAL, "a flush has no offset and no length"
    if offset + length > export.size:
        error = Error.ENOSPC if command in _GROWS else Error.EINVAL
        return error, f"{offset} + {length} is past the end at {export.size}"
    if (offset | length) & (export.block_size - 1):
        return Error.EINVAL, f"{offset} + {length} is not in whole blocks of {export.block_size}"
    if length > MAX_PAYLOAD and command in _CARRIES:
        error = Error.EOVERFLOW if command == _READ else Error.EINVAL
        return error, f"{length} bytes in one request: at most {MAX_PAYLOAD}"
    if flags & _DF and not terms.structured:
        return Error.EINVAL, "DF needs structured replies"
    if command == _STATUS and not (terms.block_status and length):
        return Error.EINVAL, "no metadata context was selected, or no bytes"
    return None
