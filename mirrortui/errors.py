"""Errors for people: what happened, to which member, and what to do next. Each class has its exit code and API code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class MirrortuiError(Exception):
    """The operation could not be done; nothing was changed unless the message says so."""

    code: ClassVar[str] = "failed"
    """Stable word for scripts; the API sends it."""
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what} {self.hint}".rstrip()


class RefusedError(MirrortuiError):
    """Doing this would lose data or redundancy, or take what is in use."""

    code = "refused"


class ConfirmationError(RefusedError):
    """The plan must be confirmed first (--yes, or the mirror's name typed on the screen)."""

    code = "confirm"


class ChangedError(RefusedError):
    """The mirror changed since the plan was made; look again."""

    code = "changed"


class InUseError(RefusedError):
    """A member is mounted, swapped on, held by another program, or part of another array."""

    code = "in-use"


class DivergedError(RefusedError):
    """Two halves of a mirror were each used without the other; a survivor must be named."""

    code = "diverged"

    def __init__(
        self, what: str, *, hint: str = "", survivors: Sequence[str] = (), sides: Sequence[object] = ()
    ) -> None:
        super().__init__(what, hint=hint)
        self.sides = sides
        """Their histories, as mirror.diverged tells them. Known only where it was found out, too."""
        self.survivors = survivors
        """Who can be it: one member of each side. Known only where it was found out, not over a socket."""


class DegradedStartError(RefusedError):
    """Not every member that should be there is there; --run starts the mirror all the same."""

    code = "degraded-start"


class MemberError(MirrortuiError):
    """A member cannot be used: missing, unreadable, too small, damaged, or not what it should be."""

    code = "bad-member"


class FormatError(MemberError):
    """Bytes on a member are not what the MD format says. Names the field, the value and what was expected."""

    code = "bad-format"


class RequestError(MirrortuiError):
    """The request itself is wrong: a bad name, a bad size, an unknown word."""

    code = "bad-request"
    exit_code = 2


class NotFoundError(MirrortuiError):
    """No such mirror or member."""

    code = "not-found"
    exit_code = 3


class NoEngineError(MirrortuiError):
    """No engine answers on the socket."""

    code = "no-engine"
    exit_code = 4


class WaitTimeoutError(MirrortuiError):
    """What was waited for did not happen in time."""

    code = "timeout"
    exit_code = 5


def _tree(root: type[MirrortuiError]) -> dict[str, type[MirrortuiError]]:
    found = {root.code: root}
    for sub in root.__subclasses__():
        found |= _tree(sub)
    return found


def from_code(code: str, what: str, hint: str = "") -> MirrortuiError:
    """The error that was raised on the other side of a socket."""
    return _tree(MirrortuiError).get(code, MirrortuiError)(what, hint=hint)
