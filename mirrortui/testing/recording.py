"""A disk dies and is replaced, as a moving picture for the README, played on a fake engine.

``python -m mirrortui.testing.recording [FILE]`` writes it as one SVG whose frames show each other up, by default
``screenshots/replacing.svg``.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirrortui.testing.manual_clock import ManualClock
from mirrortui.testing.staging import press, quiet_environment, settle, stage, svg

SIZE = (100, 30)


@dataclass(frozen=True, slots=True)
class Step:
    """What is done, what is said about it above the screen, and how long it is shown after that."""

    caption: str
    seconds: float
    keys: Sequence[str] = ()
    later: int = 0
    """Seconds that pass first."""


_FILLING = "It is filled while vault serves; the first line says when redundancy is back."
STORY = (
    Step("Three mirrors, all well", 2.5, ["down", "down"]),
    Step("f: what if a member of vault fails? The plan says it", 3.5, ["f"]),
    Step("Where the last redundancy goes, the name is typed", 2.0, ["enter", *"vault"]),
    Step("vault goes on with one copy, and says so", 3.0, ["enter"]),
    Step("a: another device; beside each stands why it can or cannot be a member", 4.0, ["a"]),
    Step(_FILLING, 2.0, ["enter", "y"]),
    Step(_FILLING, 1.2, later=1500),
    Step(_FILLING, 1.2, later=3000),
    Step(_FILLING, 1.2, later=3000),
    Step("Two copies again", 4.0, later=4000),
)


async def play(story: Sequence[Step]) -> list[str]:
    """A picture for each step."""
    engine, app = stage("healthy")
    clock = engine.clock
    assert isinstance(clock, ManualClock)
    frames = []
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for step in story:
            for _ in range(step.later // 100):
                clock.advance(100)
                app.store.take()
            app.store.wake()
            await press(pilot, *step.keys)
            await settle(pilot)
            frames.append(svg(app, step.caption))
    return frames


def film(frames: Sequence[str], seconds: Sequence[float]) -> str:
    """One SVG that shows each frame for so long, and begins again."""
    total, begun = sum(seconds), 0.0
    styles, bodies = [], []
    for number, (frame, shown) in enumerate(zip(frames, seconds, strict=True)):
        own = frame.replace("screen-", f"frame{number}-")
        start, end = 100 * begun / total, 100 * (begun + shown) / total
        hidden, seen = "{visibility:hidden}", "{visibility:visible}"
        first = f"0%{hidden}{start:.3f}%{seen}" if begun else f"0%{seen}"
        last = f"{end:.3f}%{hidden}" if number < len(frames) - 1 else ""
        styles.append(f"@keyframes show{number}{{{first}{last}}}")
        style = f"visibility:hidden;animation:show{number} {total:.1f}s step-end infinite"
        bodies.append(f'<g style="{style}">{_inside(own)}</g>')
        begun += shown
    head = re.match(r"<svg[^>]*>", frames[0])
    assert head
    return f"{head[0]}\n<style>{''.join(styles)}</style>\n" + "\n".join(bodies) + "\n</svg>\n"


def _inside(frame: str) -> str:
    return frame[frame.index(">") + 1 : frame.rindex("</svg>")]


def main(file: Path) -> None:
    """Write it."""
    quiet_environment()
    frames = asyncio.run(play(STORY))
    file.write_text(film(frames, [step.seconds for step in STORY]))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots/replacing.svg"))
