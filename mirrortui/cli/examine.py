"""`examine`: what members bear, read from them directly. Needs no engine and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import rich_click as click

from mirrortui.cli.scanning import scan
from mirrortui.cli.session import print_json
from mirrortui.device.probe import Peek
from mirrortui.device.signatures import identify
from mirrortui.errors import MirrortuiError
from mirrortui.format.foreign import level_name
from mirrortui.format.inspect import ROLES, Examination, array_state
from mirrortui.format.inspect import examine as inspect
from mirrortui.format.names import printable
from mirrortui.format.report import to_dict
from mirrortui.format.superblock import Superblock, format_uuid, seconds
from mirrortui.units import SECTOR, format_moment, format_size


@click.command()
@click.argument("members", nargs=-1, required=True)
@click.option(
    "--scan",
    "whole",
    is_flag=True,
    help="Look for superblocks on the whole of each, not only where they belong.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def examine(members: tuple[str, ...], whole: bool, as_json: bool) -> int:
    """Show superblock, bitmap and bad-block log of members. Exit code 1 if one of them bears none that is sound."""
    texts: list[str] = []
    facts: list[object] = []
    code = 0
    for path in members:
        try:
            with Peek(path, fresh=True) as peek:
                found = inspect(peek.read, peek.size, path)
                fact, lines = to_dict(found), list(_lines(found, peek))
                if whole:
                    result = scan(peek)
                    fact |= result.to_dict()
                    lines += result.lines()
        except MirrortuiError as error:
            click.echo(f"mirrortui: {error}", err=True)
            code = error.exit_code
            continue
        facts.append(fact)
        texts.append("\n".join(lines))
        if found.superblock is None:
            code = code or 1
            if not whole:
                click.echo(f"mirrortui: {_HINT.format(path)}", err=True)
    if as_json:
        print_json(facts)
    else:
        click.echo("\n\n".join(texts), nl=bool(texts))
    return code


_HINT = '"mirrortui examine --scan {}" would look for superblocks on the whole of it.'


def _lines(examination: Examination, peek: Peek) -> Iterator[str]:
    path = examination.path
    sb = examination.reading
    if not examination.found:
        holds = ", ".join(map(str, identify(peek.read, peek.size)))
        yield f"{path}: no MD superblock, so no member" + (f"; it holds {holds}" if holds else "")
    elif sb is None:
        yield f"{path}: a superblock that cannot be read, version {examination.found[0].version}"
    else:
        first = examination.found[0]
        damaged = "damaged " if first.flaws else ""
        name, uuid = printable(sb.set_name) or "an array without a name", format_uuid(sb.set_uuid)
        yield f"{path}: {damaged}member of {name}, {uuid}, version {first.version}"
        yield from _facts(examination, sb, {flaw.field for flaw in first.flaws})
    if examination.interop:
        yield f"  kernel      {examination.interop}"
    for warning in examination.warnings:
        yield f"  {click.style('▲', fg='yellow')} {warning}"


def _facts(examination: Examination, sb: Superblock, wrong: set[str]) -> Iterator[str]:
    """What the superblock says, without what rests on fields that are wrong."""
    if not wrong & {"size", "raid_disks", "max_dev"}:
        clean = "clean" if sb.clean else "not clean"
        size = format_size(sb.size * SECTOR)
        yield f"  array       {size}, {level_name(sb.level)}, members {array_state(sb)}, {clean}"
    if not wrong & {"max_dev", "this_disk.number"}:
        role = ROLES.get(sb.role, f"role {sb.role}")
        yield f"  this one    slot {sb.dev_number}, {role}, {format_size(examination.size)}"
    written, created = (format_moment(seconds(moment)) for moment in (sb.utime, sb.ctime))
    yield f"  events      {sb.events}, last written {written}, created {created}"
    if not wrong & {"data_offset", "data_size"}:
        room = format_size(sb.data_size * SECTOR)
        yield f"  data        from byte {sb.data_offset * SECTOR}, room for {room}"
    if summary := examination.bitmap:
        chunk = format_size(summary.header.chunksize)
        yield f"  bitmap      {summary.dirty} of {summary.chunks} chunks dirty, {chunk} each"
    elif not wrong:
        yield f"  bitmap      {'not readable' if sb.has_bitmap else 'none'}"
    if examination.bad_blocks:
        yield f"  bad blocks  {len(examination.bad_blocks)} ranges"
