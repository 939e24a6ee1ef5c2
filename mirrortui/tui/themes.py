"""Colour by meaning. Widgets and style sheets name a tone; only this file knows a colour."""

from __future__ import annotations

from typing import Literal

from textual.theme import Theme

Tone = Literal["good", "working", "attention", "bad", "quiet"]
"""What a colour may say. Each is a theme variable; ``$NAME-soft`` is the same as a background."""


def _theme(
    name: str,
    *,
    dark: bool,
    background: str,
    surface: str,
    panel: str,
    foreground: str,
    accent: str,
    good: str,
    working: str,
    attention: str,
    bad: str,
    quiet: str,
    line: str,
    map_calm: str,
    map_dirty: str,
    graph: str,
    soft: tuple[str, str, str],
) -> Theme:
    working_soft, attention_soft, bad_soft = soft
    return Theme(
        name=name,
        dark=dark,
        primary=accent,
        secondary=working,
        accent=accent,
        success=good,
        warning=attention,
        error=bad,
        foreground=foreground,
        background=background,
        surface=surface,
        panel=panel,
        variables={
            "good": good,
            "working": working,
            "attention": attention,
            "bad": bad,
            "quiet": quiet,
            "line": line,
            "map-calm": map_calm,
            "map-dirty": map_dirty,
            "graph": graph,
            "good-soft": surface,
            "quiet-soft": surface,
            "working-soft": working_soft,
            "attention-soft": attention_soft,
            "bad-soft": bad_soft,
            "block-cursor-background": panel,
            "block-cursor-foreground": foreground,
            "block-cursor-text-style": "none",
            "block-cursor-blurred-background": surface,
            "block-cursor-blurred-foreground": foreground,
            "input-cursor-text-style": "reverse",
        },
    )


NIGHT = _theme(
    "mirror-night",
    dark=True,
    background="#0e1216",
    surface="#151b21",
    panel="#222c36",
    foreground="#d6dde4",
    accent="#9db4d3",
    good="#6fb98f",
    working="#58b3dc",
    attention="#e9b44c",
    bad="#f2646b",
    quiet="#7b8794",
    line="#2d3945",
    map_calm="#36513f",
    map_dirty="#8a9a5b",
    graph="#46617a",
    soft=("#12303f", "#3b2e12", "#471b20"),
)
"""For dark rooms; the default."""

DAY = _theme(
    "mirror-day",
    dark=False,
    background="#fbfaf7",
    surface="#f0eee8",
    panel="#e0ddd4",
    foreground="#23292f",
    accent="#345a8a",
    good="#2c7a4f",
    working="#0f6e9c",
    attention="#8f5f00",
    bad="#b3222d",
    quiet="#6d7580",
    line="#cfcbc0",
    map_calm="#9dbfab",
    map_dirty="#7d8a3a",
    graph="#9fb4c6",
    soft=("#d5e9f3", "#f7e6bd", "#f8d3d3"),
)
"""For bright ones."""

CONTRAST = _theme(
    "mirror-contrast",
    dark=True,
    background="#000000",
    surface="#121212",
    panel="#303030",
    foreground="#ffffff",
    accent="#ffffff",
    good="#5fff87",
    working="#5fd7ff",
    attention="#ffd75f",
    bad="#ff8787",
    quiet="#c6c6c6",
    line="#8a8a8a",
    map_calm="#4e9a64",
    map_dirty="#d7d75f",
    graph="#87afd7",
    soft=("#00385a", "#5a4400", "#7a0010"),
)
"""For bad screens and tired eyes: nothing is dimmed."""

COLOUR_BLIND = _theme(
    "mirror-colour-blind",
    dark=True,
    background="#0e1216",
    surface="#151b21",
    panel="#25303a",
    foreground="#dfe5ea",
    accent="#b8c7dc",
    good="#2fb391",
    working="#56b4e9",
    attention="#f0e442",
    bad="#ff7f3f",
    quiet="#8b96a2",
    line="#33404d",
    map_calm="#2a5a52",
    map_dirty="#a59d3c",
    graph="#46617a",
    soft=("#12334a", "#3f3b0d", "#57260a"),
)
"""Okabe and Ito's colours, which people with any colour vision tell apart; bad is also the darkest ground."""

MONO = _theme(
    "mirror-mono",
    dark=True,
    background="#101010",
    surface="#181818",
    panel="#303030",
    foreground="#d8d8d8",
    accent="#ffffff",
    good="#c0c0c0",
    working="#f0f0f0",
    attention="#ffffff",
    bad="#ffffff",
    quiet="#8c8c8c",
    line="#444444",
    map_calm="#5a5a5a",
    map_dirty="#a0a0a0",
    graph="#6a6a6a",
    soft=("#2c2c2c", "#404040", "#5a5a5a"),
)
"""Greys only; glyphs and words say the rest. Chosen where NO_COLOR is set."""

THEMES = (NIGHT, DAY, CONTRAST, COLOUR_BLIND, MONO)
_PREFIX = "mirror-"


def short_name(theme: str) -> str:
    """As people write it: ``"night"``."""
    return theme.removeprefix(_PREFIX)


def full_name(short: str) -> str:
    """As Textual knows it: our themes must not be taken for its own."""
    return f"{_PREFIX}{short}"


NAMES = tuple(short_name(theme.name) for theme in THEMES)
"""What `--theme` takes."""


def defaults(theme: Theme) -> dict[str, str]:
    """Our variables for a theme that is not ours, from what every theme has."""
    background = theme.background or ("#121212" if theme.dark else "#f5f5f5")
    surface = theme.surface or background
    return {
        "good": theme.success or theme.primary,
        "working": theme.secondary or theme.primary,
        "attention": theme.warning or theme.primary,
        "bad": theme.error or theme.primary,
        "quiet": "#808890",
        "line": "#505860",
        "map-calm": "#607068",
        "map-dirty": "#90906a",
        "graph": "#607080",
        **{f"{tone}-soft": surface for tone in ("good", "working", "attention", "bad", "quiet")},
    }
