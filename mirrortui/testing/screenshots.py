"""Pictures of the screen for the README, drawn on a fake engine.

``python -m mirrortui.testing.screenshots [FOLDER]`` writes them as SVG, by default into ``screenshots``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirrortui.testing import recording
from mirrortui.testing.staging import press, quiet_environment, settle, stage, svg


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: a state, a size, and the keys that lead there."""

    name: str
    state: str
    size: tuple[int, int] = (120, 40)
    keys: Sequence[str] = ()
    theme: str = "mirror-night"


SHOTS = (
    Shot("healthy", "healthy"),
    Shot("degraded", "degraded", (80, 24)),
    Shot("rebuilding", "rebuilding"),
    Shot("several", "several", (200, 60)),
    Shot("mirror", "rebuilding", keys=("2",)),
    Shot("devices", "rebuilding", keys=("3",)),
    Shot("differences", "differs", keys=("D",)),
    Shot("menu", "degraded", keys=(" ",)),
    Shot("fix", "degraded", keys=("F",)),
    Shot("failed", "failed"),
    Shot("first-day", "empty", (80, 24)),
    Shot("engine-lost", "lost", (80, 24)),
    Shot("fail", "healthy", keys=("f",)),
    Shot("add", "degraded", keys=("a",)),
    Shot("help", "degraded", keys=("question_mark",)),
    Shot("daylight", "rebuilding", theme="mirror-day"),
)


async def draw(shot: Shot) -> str:
    """The picture as SVG."""
    (picture,) = await draw_in(shot, [shot.theme])
    return picture


async def draw_in(shot: Shot, themes: Sequence[str]) -> list[str]:
    """The same picture in each of the themes."""
    _, app = stage(shot.state)
    app.theme = themes[0]
    async with app.run_test(size=shot.size) as pilot:
        await settle(pilot)
        await press(pilot, *shot.keys)
        pictures = []
        for theme in themes:
            app.theme = theme
            await settle(pilot)
            pictures.append(svg(app))
        return pictures


def main(folder: Path) -> None:
    """Write every picture."""
    quiet_environment()
    folder.mkdir(parents=True, exist_ok=True)
    for shot in SHOTS:
        (folder / f"{shot.name}.svg").write_text(asyncio.run(draw(shot)))
    recording.main(folder / "replacing.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"))
