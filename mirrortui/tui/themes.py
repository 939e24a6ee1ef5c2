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

THEMES = (NIGHT, DAY)


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
