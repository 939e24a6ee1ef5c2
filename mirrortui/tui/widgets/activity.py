"""What clients read and write through one mirror, over the last two minutes."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive

from mirrortui.tui.drawing import cell, graph, lines, row
from mirrortui.tui.store import Rates
from mirrortui.tui.widgets.drawn import Drawn
from mirrortui.units import format_rate

_LABEL = 20


class Activity(Drawn):
    """Two graphs, one above the other, on one scale."""

    rates: reactive[Rates] = reactive(Rates(), repaint=False)

    def watch_rates(self) -> None:
        self.look_again()

    def _draw(self, width: int) -> Content:
        top = max([*self.rates.read, *self.rates.write, 1])
        height = max(1, self.size.height // 2)
        return lines(
            [
                *_graph("read", self.rates.read, width, height, top),
                *_graph("write", self.rates.write, width, height, top),
            ]
        )


def _graph(word: str, samples: tuple[int, ...], width: int, height: int, top: int) -> list[Content]:
    now = format_rate(samples[-1]) if samples and samples[-1] else "-"
    drawn = graph(samples, max(1, width - _LABEL - 1), height, top)
    labels = [""] * (height - 1) + [f" {word:<6} {now:>10}"]
    return [row(cell(label, _LABEL), (line, "$graph")) for label, line in zip(labels, drawn, strict=True)]
