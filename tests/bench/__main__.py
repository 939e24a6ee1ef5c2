"""fio over a Unix socket, our worker against QEMU's quorum, interleaved: medians, and ratios of neighbours in time."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import shutil
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mirrortui.api.vocabulary import Impact
from mirrortui.units import GIB, MIB, TIB, format_rate, format_size, parse_size
from tests.bench import fio, late
from tests.bench.beside import re_add, reads_beside_a_recovery
from tests.bench.contenders import QEMU_MODES, Contender, member, ours, qemu
from tests.bench.rows import ROWS, Row
from tests.bench.sync import check, large_mirror, recovery

SYNC_TARGET = 0.9
HEDGED_LIMIT = 2.0
"""p99 with one member late at times, at most this much of the healthy mirror's."""
BALANCE_TARGET = 1.8
RE_ADD_TARGET = 1 / 1.1
BESIDE: dict[Impact, float] = {"balanced": 2.0, "low": 1.2}
"""What the p99 of clients' reads may come to beside a recovery, times that without."""
RESIDENT_LIMIT = 150 * MIB
Results = dict[str, list[fio.Measured]]


def main() -> None:
    options = _options()
    with contextlib.ExitStack() as stack:
        folders = {
            place: Path(stack.enter_context(tempfile.TemporaryDirectory(dir=root, prefix="mirrortui-bench-")))
            for place, root in (("memory", options.memory), ("disk", options.disk))
        }
        _print_head()
        rows = [row for row in ROWS if options.only in (None, row.place) and options.match in row.words]
        for kind, group in itertools.groupby(rows, key=lambda row: row.kind):
            _compare(kind, list(group), folders, options)
        if options.match:
            return
        if options.only in (None, "disk"):
            disk, size, rounds = folders["disk"], options.size, options.rounds
            _print_sync("recovery** against dd, O_DIRECT", recovery(disk, size, rounds))
            _print_sync(
                "re-add of 1 GiB of 1 TiB** against dd, O_DIRECT",
                re_add(disk, options.dirty, rounds),
                RE_ADD_TARGET,
            )
            for impact, most in BESIDE.items():
                found = reads_beside_a_recovery(disk, impact, size, rounds, options.seconds, options.ramp)
                _print_beside(impact, most, found)
            _print_sync("check** against cmp, page cache", check(disk, size, rounds, direct=False))
            _print_sync("check** against cmp, O_DIRECT", check(disk, size, rounds, direct=True))
        if options.only in (None, "memory"):
            _print_late(folders["memory"], options.seconds)
            _print_large(folders["memory"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a run (default 2)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each load (default 3)")
    parser.add_argument(
        "--ramp", type=float, default=fio.RAMP_SECONDS, help="seconds before each that are not counted"
    )
    parser.add_argument("--only", choices=["memory", "disk"])
    parser.add_argument("--match", default="", help="only loads with this in their name")
    parser.add_argument("--size", type=parse_size, default=GIB, help="of the mirror (default 1G)")
    parser.add_argument("--dirty", type=parse_size, default=GIB, help="what a re-add copies (default 1G)")
    parser.add_argument("--memory", default="/dev/shm", help="folder in memory (default /dev/shm)")
    parser.add_argument("--disk", default="/var/tmp", help="folder on a disk (default /var/tmp)")
    return parser.parse_args()


def _compare(kind: str, rows: list[Row], folders: dict[str, Path], options: argparse.Namespace) -> None:
    """All loads of a kind against the same servers."""
    folder, direct = folders[rows[0].place] / "members", rows[0].direct
    folder.mkdir()
    pairs = itertools.count()

    def pair() -> list[Path]:
        number = next(pairs)
        return [member(folder, f"{number}{side}", options.size) for side in "ab"]

    with contextlib.ExitStack() as stack:
        contenders: list[Contender] = [stack.enter_context(ours(folder, pair(), direct=direct))]
        contenders += [
            stack.enter_context(qemu(folder, pair(), direct=direct, mode=mode)) for mode in QEMU_MODES[direct]
        ]
        for contender in contenders:
            fio.fill(contender.uri, options.size)
        print(f"| **{kind}** | | | | | | |")
        for row in rows:
            _print_row(row, _rounds(row, contenders, options))
    shutil.rmtree(folder)


def _rounds(row: Row, contenders: Iterable[Contender], options: argparse.Namespace) -> Results:
    found: Results = {}
    for _ in range(options.rounds):
        for contender in contenders:
            measured = fio.measure(contender.uri, row, options.size, options.seconds, options.ramp)
            found.setdefault(contender.name, []).append(measured)
    return found


def _print_head() -> None:
    print("| load | mirrortui | best of qemu | ratio | target | p99 us | p99 us of qemu |")
    print("|---|---|---|---|---|---|---|")


def _print_row(row: Row, results: Results) -> None:
    iops = {name: statistics.median(run.iops for run in runs) for name, runs in results.items()}
    p99 = {name: statistics.median(run.p99 for run in runs) * 1e6 for name, runs in results.items()}
    mine = iops.pop("mirrortui")
    best = max(iops, key=lambda name: iops[name])
    pairs = zip(results["mirrortui"], results[best], strict=True)
    ratio = statistics.median(one.iops / other.iops for one, other in pairs)  # neighbours in time
    print(
        f"| {row.words} | {_count(mine)} | {_count(iops[best])} ({best.removeprefix('qemu ')})"
        f" | {ratio:.2f}x | {_verdict(ratio, row.target)} | {p99['mirrortui']:.0f} | {p99[best]:.0f} |",
        flush=True,
    )


def _print_beside(impact: str, most: float, rounds: list[tuple[float, float]]) -> None:
    beside, idle = (statistics.median(column) * 1e6 for column in zip(*rounds, strict=True))
    ratio = statistics.median(one / other for one, other in rounds)  # neighbours in time
    verdict = "reached" if ratio <= most else "MISSED"
    print(
        f"| **p99 us of 4K reads beside a recovery**, {impact}, against none | {beside:.0f} | {idle:.0f} |"
        f" {ratio:.2f}x | at most {most:.2f}x: {verdict} | | |",
        flush=True,
    )


def _print_sync(what: str, rounds: list[tuple[float, float]], target: float = SYNC_TARGET) -> None:
    mine, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = mine / theirs
    print(
        f"| **{what} | {format_rate(mine)} | {format_rate(theirs)} | {ratio:.2f}x"
        f" | {_verdict(ratio, target)} | | |",
        flush=True,
    )


def _print_late(folder: Path, seconds: float) -> None:
    """Members of 64 MiB whose reads take as long as on a disk that turns."""
    for found in late.hedging(folder, 64 * MIB, seconds):
        ratio = found.hedged / found.healthy
        verdict = "reached" if ratio <= HEDGED_LIMIT else "MISSED"
        print(
            f"\n{found.words}: p99 {found.healthy * 1e3:.1f} ms healthy, {found.unhedged * 1e3:.1f} ms if nobody"
            f" else is asked, {found.hedged * 1e3:.1f} ms as it is: {ratio:.2f}x (limit {HEDGED_LIMIT}x: {verdict})",
            flush=True,
        )
    two, one = late.balancing(folder, 64 * MIB, seconds)
    verdict = _verdict(two / one, BALANCE_TARGET)
    print(
        f"\nReads a second of two slow members against one: {two:.0f} / {one:.0f}, {two / one:.2f}x ({verdict})"
    )


def _print_large(folder: Path) -> None:
    weight = large_mirror(folder, 16 * TIB)
    verdict = "reached" if weight.resident < RESIDENT_LIMIT else "MISSED"
    print(
        f"\nA sparse mirror of {format_size(weight.size)}: {format_size(weight.resident)} resident"
        f" (limit {format_size(RESIDENT_LIMIT)}: {verdict}), first resync {weight.seconds:.1f} s,"
        f" {format_size(weight.allocated)} allocated on both members together"
    )


def _count(value: float) -> str:
    return f"{value / 1000:.1f}k" if value >= 1000 else f"{value:.0f}"


def _verdict(ratio: float, target: float | None) -> str:
    if target is None:
        return ""
    return f"{target:.2f}x: {'reached' if ratio >= target else 'MISSED'}"


if __name__ == "__main__":
    main()
