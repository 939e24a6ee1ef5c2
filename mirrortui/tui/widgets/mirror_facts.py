"""One mirror in words: how it is, who uses it, what checks found, what it is made of."""

from __future__ import annotations

from textual.content import Content

from mirrortui.api.mirrors import CheckRun, Mirror
from mirrortui.tui import keymap
from mirrortui.tui.drawing import bar, cell, lines, printable, row, wrapped
from mirrortui.tui.drives import worry
from mirrortui.tui.jobs import DIFFERED, DONE, STOPPED_EARLY, outcome
from mirrortui.tui.wording import names_in, shorten
from mirrortui.tui.words import counted, mirror_face, percent, stamp
from mirrortui.units import format_duration, format_rate, format_size

_LABEL = 12
_LONGEST_BAR = 80


def summary(mirror: Mirror | None, now: float, width: int) -> Content:
    """What is wrong, since when, what is done about it and what holds that back."""
    if mirror is None:
        return cell(f" there is no mirror yet: {keymap.key('create', 'c')} creates one", width, "$quiet")
    face = mirror_face(mirror)
    calm = face.tone in ("good", "quiet")
    since = (
        "" if mirror.since is None or face.word == "differs" else f" since {stamp(mirror.since, now).strip()}"
    )
    head = row(
        " ",
        (face.glyph, f"${face.tone}"),
        " ",
        (mirror.name, "bold"),
        (f"  {format_size(mirror.size)} on {counted(mirror.raid_disks, 'member')}  ", "$quiet"),
        (f"{face.word}{since}", "$quiet" if calm else f"${face.tone}"),
    )
    drawn = [head.truncate(width, ellipsis=True)]
    if mirror.why and mirror.state != "stopped":
        why = wrapped(printable(shorten(mirror.why, names_in(mirror))), width - 4)
        drawn += [row("   ", cell(line, width - 4)) for line in why]
    elif mirror.mismatches and not mirror.sync:
        drawn.append(_differences(mirror, width))
    if risk := worry(mirror):
        told = f"{risk}; {keymap.key('fix', 'F')} fixes it"
        drawn += [
            row("   ", cell(line, width - 4, "$attention")) for line in wrapped(printable(told), width - 4)
        ]
    if mirror.sync:
        drawn += _progress(mirror, width)
    elif mirror.paused:
        drawn.append(
            row("   ", cell(f"paused: {keymap.key('resume', 'P')} resumes it", width - 4, "$attention"))
        )
    return lines(drawn)


def _differences(mirror: Mirror, width: int) -> Content:
    where, equal = keymap.key("mismatches", "D"), keymap.key("repair", "H")
    told = f"{format_size(mirror.mismatches)} differ between its members: {where} shows where, {equal} makes them equal"
    return row("   ", cell(told, width - 4))


def _progress(mirror: Mirror, width: int) -> list[Content]:
    sync = mirror.sync
    assert sync
    word = "recovery" if mirror.sync_action == "recover" else mirror.sync_action
    share = percent(sync.completed, sync.total)
    amount = f"  {format_size(sync.completed)} of {format_size(sync.total)}"
    length = max(4, min(_LONGEST_BAR, width - len(share) - len(amount) - _LABEL - 6))
    filled, empty = bar(sync.completed / max(1, sync.total), length)
    first = row(
        "   ",
        cell(word, _LABEL, "$working"),
        ("▕", "$line"),
        (filled + empty, "$working on $working-soft"),
        ("▏", "$line"),
        share,
        (amount, "$quiet"),
    )
    left = "no end in sight" if sync.eta_s is None else f"{format_duration(sync.eta_s)} left"
    pace = f"{left} at {format_rate(sync.speed)}" if sync.speed else "just started"
    limit = f", held back by {sync.limit}" if sync.limit else ""
    names = names_in(mirror)
    said: tuple[str, ...] = (
        shorten(f"{pace}{limit}", names),
        shorten(f"because {_lower(sync.reason)}", names),
    )
    if sum(map(len, said)) < width - 8:
        said = (", ".join(said),)
    return [first.truncate(width), *(row("   ", cell(line, width - 4, "$quiet")) for line in said)]


def users(mirror: Mirror | None, now: float, width: int) -> Content:
    """Where it is served, and to whom."""
    if mirror is None or mirror.state == "stopped":
        return cell(" nobody: it does not run", width, "$quiet")
    if mirror.driver == "kernel":
        return lines([_fact("device", mirror.device, width), _fact("run by", "the kernel (md)", width)])
    drawn = []
    for export in mirror.exports:
        mode = " (read-only)" if export.readonly else ""
        drawn.append(cell(f" {export.uri}{mode}", width))
    drawn += [
        row(("   since ", "$quiet"), (stamp(each.since, now), "$quiet"), "  ", cell(each.peer, width - 20))
        for each in mirror.clients
    ]
    if not mirror.clients:
        drawn.append(
            cell(
                f"   no client is connected; {keymap.key('copy_uri', 'u')} copies the address",
                width,
                "$quiet",
            )
        )
    return lines(drawn)


def checks(mirror: Mirror | None, now: float, width: int) -> Content:
    """What the last ones found, the latest first."""
    if mirror is None or not mirror.checks:
        return cell(f" never checked here; {keymap.key('check', 'C')} compares all copies", width, "$quiet")
    return lines(_check(run, now, width) for run in mirror.checks[:6])


def _check(run: CheckRun, now: float, width: int) -> Content:
    if run.ended is None:
        face, when, text = (
            STOPPED_EARLY,
            run.begun,
            f"at {format_size(run.position)} of {format_size(run.size)}",
        )
    else:
        face = STOPPED_EARLY if not run.complete else DIFFERED if run.differing > run.repaired else DONE
        when, text = run.ended, outcome(run)
    head = row(
        " ",
        (stamp(when, now), "$quiet"),
        "  ",
        (face.glyph, f"${face.tone}"),
        " ",
        cell(run.action, 7, "$quiet"),
        " ",
    )
    return row(head, cell(text, max(0, width - head.cell_length)))


def makeup(mirror: Mirror | None, width: int) -> Content:
    """What it is made of."""
    if mirror is None:
        return Content("")
    facts = [("size", f"{format_size(mirror.size)} on {counted(mirror.raid_disks, 'member')}")]
    if mirror.bitmap:
        dirty = (
            "" if mirror.bitmap.dirty is None else f", {mirror.bitmap.dirty} of {mirror.bitmap.chunks} dirty"
        )
        facts.append(("bitmap", f"chunks of {format_size(mirror.bitmap.chunk)}{dirty}"))
    elif mirror.state != "stopped":
        facts.append(("bitmap", "none known: without one a crash costs a full resync"))
    facts += [("events", str(mirror.events)), ("metadata", mirror.metadata), ("uuid", mirror.uuid)]
    if mirror.impact:
        facts.append(("sync impact", mirror.impact))
    if mirror.worker_pid:
        memory = f", {format_size(mirror.worker_memory)}" if mirror.worker_memory else ""
        facts.append(("worker", f"pid {mirror.worker_pid}{memory}"))
    if mirror.spare_policy:
        facts.append(("spares", mirror.spare_policy))
    if mirror.lab is not None:
        done = ", ".join(f"{mishap} {path}" for path, mishap in mirror.lab.items())
        facts.append(("fault lab", done or "on: members can be made to fail"))
    return lines(_fact(label, text, width) for label, text in facts)


def _fact(label: str, text: str, width: int) -> Content:
    return row(" ", cell(label, _LABEL, "$quiet"), cell(text, max(0, width - _LABEL - 2)))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".") if text else "it was asked for"
