"""`mismatches`: where copies differ, and what each of them has there."""

from __future__ import annotations

import time
from collections.abc import Sequence

import rich_click as click

from mirrortui.api.client import EngineClient
from mirrortui.api.mirrors import CheckRun, CopyOf, Difference
from mirrortui.api.requests import LookRequest
from mirrortui.cli.session import Session, engine_options, name_argument, print_json, to_bytes
from mirrortui.cli.text import table
from mirrortui.units import format_size

_ROW = 16
"""Bytes of a line."""
_FEW = 16
"""Lines that are shown whatever is in them."""


@click.command()
@name_argument
@click.option(
    "--show", "place", metavar="OFFSET", callback=to_bytes, help="What each copy has there, byte by byte."
)
@click.option(
    "--length",
    metavar="SIZE",
    callback=to_bytes,
    default="4K",
    help="How much of it: at most 4K, the default.",
)
@engine_options
@click.pass_obj
def mismatches(session: Session, name: str, place: int | None, length: int, as_json: bool) -> int:
    """What the last checks and repairs found, and where. Exit code 1: something differs."""
    client = session.engine()
    if place is not None:
        return _show(client, name, LookRequest(offset=place, length=length), as_json)
    runs = client.mismatches(name)
    if as_json:
        print_json(runs)
    elif not runs:
        click.echo(f'{name} was not checked yet: "mirrortui check {name}" does that.', err=True)
    else:
        click.echo("\n".join([*_history(runs), *_ranges(runs[0])]))
    return int(bool(runs) and runs[0].differing > runs[0].repaired)


def _history(runs: Sequence[CheckRun]) -> list[str]:
    rows = [["begun", "", "looked at", "differed", "made equal", ""]]
    for run in runs:
        begun = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.begun))
        amounts = [format_size(amount) for amount in (run.position, run.differing, run.repaired)]
        rows.append([begun, run.action, *amounts, _ending(run)])
    return table(rows, right=(2, 3, 4))


def _ending(run: CheckRun) -> str:
    said = "done" if run.complete else "ended early" if run.ended else "not done yet"
    said += f"; {run.winner} won" if run.winner else ""
    return f"{said}; {format_size(run.unread)} could not be compared" if run.unread else said


def _ranges(run: CheckRun) -> list[str]:
    if not run.ranges:
        return []
    rows = [
        ["offset", "length", "who differs"],
        *([str(r.offset), str(r.length), _who(r)] for r in run.ranges),
    ]
    listed = sum(r.length for r in run.ranges)
    more = [f"... and {format_size(run.differing - listed)} more"] if listed < run.differing else []
    return ["", *table(rows, right=(0, 1)), *more]


def _who(found: Difference) -> str:
    who = " and ".join(found.odd) or "no majority tells"
    if found.left:
        return f"{who}; not repaired: {found.left}"
    return f"{who}; now all have what {found.kept} had" if found.kept else who


def _show(client: EngineClient, name: str, request: LookRequest, as_json: bool) -> int:
    look = client.look(name, request)
    if as_json:
        print_json(look)
    else:
        click.echo("\n".join(_side_by_side(look.copies, look.offset)))
    contents = {copy.data for copy in look.copies}
    return int(len(contents) > 1)


def _side_by_side(copies: Sequence[CopyOf], offset: int) -> list[str]:
    """A line for each copy where they differ, one for all where they do not, and one for many like that."""
    lines = [f"{number}  {copy.path}" for number, copy in enumerate(copies, 1)] + [""]
    length = max(len(copy.data or b"") for copy in copies)
    shown = _near_differences(copies, length)
    for at in range(0, length, _ROW):
        if at not in shown:
            if at - _ROW in shown or not at:
                lines.append("           *  =  the same on all")
            continue
        rows = [None if copy.data is None else copy.data[at : at + _ROW] for copy in copies]
        if len(set(rows)) == 1 and rows[0] is not None:
            lines.append(f"{offset + at:>12x}  =  {_hex(rows[0], rows)}")
        else:
            lines += [
                f"{offset + at:>12x}  {number}  {_hex(row, rows)}" for number, row in enumerate(rows, 1)
            ]
    return lines


def _near_differences(copies: Sequence[CopyOf], length: int) -> set[int]:
    """The rows to show, by their place: all of a few; of many those that differ, with the rows around them."""
    rows = range(0, length, _ROW)
    if len(rows) <= _FEW:
        return set(rows)
    differ = {at for at in rows if len({copy.data and copy.data[at : at + _ROW] for copy in copies}) > 1}
    return {at + near * _ROW for at in differ for near in (-1, 0, 1)}


def _hex(row: bytes | None, rows: Sequence[bytes | None]) -> str:
    """Bytes and their characters; what is not the same everywhere stands out."""
    if row is None:
        return "cannot be read"
    differs = [len({r[i] for r in rows if r is not None and i < len(r)}) > 1 for i in range(len(row))]
    codes = [f"{byte:02x}" for byte in row]
    letters = [chr(byte) if 32 <= byte < 127 else "." for byte in row]
    marked = [" ".join(_mark(c, d) for c, d in zip(codes, differs, strict=True))]
    marked.append("".join(_mark(c, d) for c, d in zip(letters, differs, strict=True)))
    return f"{marked[0]}{'   ' * (_ROW - len(row))}  {marked[1]}"


def _mark(text: str, differs: bool) -> str:
    return click.style(text, fg="red", bold=True, underline=True) if differs else text
