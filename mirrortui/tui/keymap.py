"""Which keys the operator gave to which actions. As the locale it holds for the whole process, and is set once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from textual.keys import Keys, _character_to_key

from mirrortui.errors import RequestError

_MODIFIERS = ("ctrl+", "shift+", "alt+", "super+")
_NAMED = {key.value for key in Keys}
_CURSOR: Final = {
    "up": "the cursor", "down": "the cursor", "left": "the cursor", "right": "the cursor", "home": "the cursor",
    "end": "the cursor", "pageup": "the cursor", "pagedown": "the cursor", "j": "the cursor", "k": "the cursor",
    "g": "the cursor", "G": "the cursor", "enter": "choosing", "space": "choosing",
}  # fmt: skip
"""What lists and dialogs need for themselves."""

_given: dict[str, tuple[str, ...]] = {}


class Bound(Protocol):
    """An action, as far as its keys go."""

    @property
    def id(self) -> str: ...

    @property
    def keys(self) -> tuple[str, ...]: ...


def give(keys: Mapping[str, tuple[str, ...]]) -> None:
    """From now on these actions have these keys, and no others."""
    _given.clear()
    _given.update(keys)


def given(action: str) -> tuple[str, ...] | None:
    """The keys that the operator gave to an action, if any."""
    return _given.get(action)


def key(action: str, default: str) -> str:
    """How a sentence names the key of an action. `default`: the one it has by itself."""
    keys = given(action)
    return written(keys[0]) if keys else default


def written(name: str) -> str:
    """A key as it stands on the screen: ``"^x"`` for ``"ctrl+x"``."""
    modifiers = name[: name.rfind("+") + 1] if "+" in name[:-1] else ""
    plain = name[len(modifiers) :]
    letter = next((character for character, known in _CHARACTERS.items() if known == plain), plain)
    return f"^{letter}" if modifiers == "ctrl+" else f"{modifiers}{letter}"


_CHARACTERS = {chr(code): _character_to_key(chr(code)) for code in range(33, 127)}


def parse(
    wanted: Mapping[str, str | Sequence[str]], actions: Iterable[Bound], where: str
) -> dict[str, tuple[str, ...]]:
    """Keys by action, checked. `where` they stand, for the errors.

    Raises RequestError for an action or a key that there is not, and for a key that would do two things.
    """
    known = {action.id: action.keys for action in actions}
    keys: dict[str, tuple[str, ...]] = {}
    for action, text in wanted.items():
        if action not in known:
            raise RequestError(
                f"{where}: there is no action called {action}.", hint='"mirrortui keys" lists them all.'
            )
        parts = [part.strip() for part in text.split(" ")] if isinstance(text, str) else text
        keys[action] = tuple(_named(part, action, where) for part in parts if part)
        if not keys[action]:
            raise RequestError(
                f"{where}: no key is given to {action}.", hint="Leave the line out to keep its own."
            )
    _refuse_clashes({**known, **keys}, where)
    return keys


def _named(text: str, action: str, where: str) -> str:
    """As Textual calls it. Raises RequestError."""
    modifiers, rest = "", text
    while any(rest.startswith(modifier) and len(rest) > len(modifier) for modifier in _MODIFIERS):
        modifiers += rest[: rest.index("+") + 1]
        rest = rest[rest.index("+") + 1 :]
    name = _character_to_key(rest) if len(rest) == 1 else rest
    if len(rest) > 1 and rest not in _NAMED and rest not in _CHARACTERS.values():
        raise RequestError(
            f"{where}: {text!r}, given to {action}, is no key.",
            hint="Keys are letters and signs, or names such as f5, delete, ctrl+x; several with blanks between.",
        )
    if not modifiers and (use := _CURSOR.get(name)):
        raise RequestError(
            f"{where}: {text} is for {use}, and cannot be given to {action}.", hint="Choose another."
        )
    return modifiers + name


def _refuse_clashes(keys: Mapping[str, tuple[str, ...]], where: str) -> None:
    owners: dict[str, str] = {}
    for action, names in keys.items():
        for name in names:
            other = owners.setdefault(name, action)
            if other != action:
                raise RequestError(
                    f"{where}: {written(name)} would do two things, {other} and {action}.",
                    hint="Give one of them another key.",
                )
