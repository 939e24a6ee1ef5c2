"""The core, broken on purpose one rule at a time: a simulator that does not notice is not worth its time.

A mutant replaces a piece of source text; functions get the code that the changed text compiles to. Worlds find most
of them within some seeds; where chance would take too long a race (races.py) is played; the rest is argued equivalent.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests.simulation import (
    departures,
    lagging,
    late,
    lost,
    overdue,
    races,
    repairing,
    silent,
    size_races,
    table_races,
    transplants,
    winning,
)


@dataclass(frozen=True)
class Mutant:
    """One broken rule."""

    name: str
    rule: str
    module: str
    """Of mirrortui.mirror."""
    changes: tuple[tuple[str, str], ...]
    seeds: int
    """Seeds from 0 on within which it is caught, with room to spare; 0: not by chance."""
    race: Callable[[], None] | None = None
    """Catches it every time."""
    why: str = ""
    """Why it is equivalent."""
    adopted: bool = False
    """Its seeds' mirrors are born of a disk with data on it."""


def _m(
    name: str,
    rule: str,
    module: str,
    seeds: int,
    *changes: tuple[str, str],
    race: Callable[[], None] | None = None,
    why: str = "",
    adopted: bool = False,
) -> Mutant:
    return Mutant(name, rule, module, changes, seeds, race, why, adopted)


MUTANTS = [
    _m("write to one member", "I1", "traffic.book", 20, ("members = self._array.targets()\n            if any(m.torn", "members = self._array.targets()[:1]\n            if any(m.torn")),
    _m("flush one member", "I1", "traffic.book", 200, ("members = self._array.targets()\n        results = await wait(Operation(m.device, Op.FLUSH)", "members = self._array.targets()[:1]\n        results = await wait(Operation(m.device, Op.FLUSH)")),
    _m("data does not wait for the bit", "I2", "traffic.book", 200, ("if asked and self._scribe.settled", "if self._scribe.settled")),
    _m("superblock stays clean", "I2", "traffic.book", 100, ("self._array.active = True", "pass")),
    _m("only the first chunk is marked", "I2", "metadata.intent", 100, ("cold = [chunk for chunk in range(first, last + 1)", "cold = [chunk for chunk in range(first, first + 1)")),
    _m("a round in flight passes for the old state", "I2", "metadata.scribe", 20000, ("        self.written = None\n        if array.has_bitmap", "        if array.has_bitmap")),
    _m("clear without flush", "I3", "metadata.daemon", 200, ("if await self._book.flush():\n            return\n        if idle", "if False:\n            return\n        if idle")),
    _m("clear while degraded", "I3", "metadata.daemon", 200, ("idle = [] if array.degraded() else [", "idle = ["), ("        if self._array.degraded():\n            return\n        self", "        if False:\n            return\n        self"), ("if self._array.degraded() or self._scribe.holding", "if self._scribe.holding"), ("self._scribe.mark_cleared()", "pass")),
    _m("clear under a write in flight", "I3", "metadata.daemon", 4000, ("untouched = self._intent.heat[chunk] == AGING and chunk not in self._intent.pending", "untouched = self._intent.heat[chunk] == AGING"), ("for c in intent.idle() if not", "for c in range(intent.chunks) if intent.heat[c] == AGING and not")),
    _m("candidates taken after the flush", "I3", "metadata.daemon", 4000, ("            await self._clear(idle)\n", "            await self._clear([c for c in intent.idle() if not array.needed(c)])\n"), ("intent.age()\n        if not idle and not quiet:", "intent.age()\n        idle = [] if array.degraded() else intent.idle()\n        if not idle and not quiet:")),
    _m("clear what is not resynced", "I3", "metadata.daemon", 2000, ("for c in intent.idle() if not array.needed(c)]\n        # Asked", "for c in intent.idle()]\n        # Asked"), ("if untouched and not self._array.needed(chunk)", "if untouched")),
    _m("say clean while copies differ", "I3", "metadata.daemon", 4000, ("and not array.unsynced() and", "and")),
    _m("say clean for what was flushed too early", "I3", "metadata.daemon", 20000, ("quiet = array.active and self._quiet()", "quiet = array.active and HOT not in intent.heat and not intent.pending")),
    _m("events_cleared moves while degraded", "I3", "metadata.daemon", 0, ("        if self._array.degraded() or", "        if"), why="bits are still not cleared while degraded: idle is empty then, or no pass comes that far"),
    _m("who is out is one count behind", "I9", "metadata.scribe", 100, ("max(self._least, newest + 2)", "max(self._least, newest + 1)")),
    _m("who is away at a start is one count behind", "I9", "assembly.assemble", 100, ("        mirror.scribe.leave_behind(array.events + 1)", "        pass")),
    _m("a cut before the second update leaves it out", "I9", "assembly.assemble", 200, ("        mirror.scribe.leave_behind(array.events)\n", "        pass\n")),
    _m("acknowledge before the failure is durable", "I4", "traffic.book", 200, ("while self._scribe.holding and", "while False and")),
    _m("only the write that met the failure waits", "I4", "traffic.steady", 200, ("if mirror.scribe.holding or ", "if ")),
    _m("inline acknowledges while a failure is not durable", "I4", "mirror", 300, ("scribe.settled\n            and not scribe.holding", "True")),
    _m("a failed source is still the measure", "I8", "syncing.sync", 0, ("            if source.state is State.FAULTY:\n                return False  # who", "            if False:\n                return False  # who"), race=races.a_source_fails_while_its_window_is_read),
    _m("who is taken in while a window is read gets it at once", "I9", "syncing.sync", 0, ("            if self._untold():\n                return False  # who was", "            if False:\n                return False  # who was"), race=races.one_is_taken_in_while_a_window_is_read_for_another),
    _m("who failed while a pass flushed looks older than what was cleared", "I3", "metadata.daemon", 0, ("        if self._array.degraded():\n            return\n        self", "        if False:\n            return\n        self"), race=table_races.who_fails_while_a_pass_flushes_can_be_re_added),
    _m("the last copy is failed", "I5", "array", 200, ("if member.state is State.IN_SYNC and len(self.in_sync()) == 1:", "if False:")),
    _m("read what is not resynced", "I6", "mirror", 200, ("if not (m.need.count or ", "if not (")),
    _m("no tickets", "I7", "tickets", 100, ("if earlier.lo < hi and", "if False and")),
    _m("a write that some copies took is forgotten", "I1", "mirror", 0, ("self.book.suspect(offset, length)\n", "pass\n"), race=races.a_client_leaves_when_some_copies_took_its_write),
    _m("a write in flight is a difference", "I8", "checking.check", 300, ("            await ticket\n            if self._comparer.late() or self._array.broken:\n                return False", "")),
    _m("what is bad is compared", "I6", "checking.compare", 4000, ("if not m.need.touches(first, last) and not m.bad.touches(lo, hi)", "if not m.need.touches(first, last)")),
    _m("read what is bad", "I6", "traffic.book", 200, ("            and not m.bad.touches(offset, end)\n", "")),
    _m("what heals is not durable before the log says so", "I6", "traffic.overwrite", 4000, ("if not any(outcomes[member]) and await self._pen.flush(member):", "if not any(outcomes[member]):")),
    _m("what a bad range does not take heals it", "I6", "traffic.overwrite", 0, ("if part.bad and result == part.hi - part.lo:", "if part.bad:"), race=races.a_bad_range_that_takes_no_write_stays_bad),
    _m("a write that a bad range does not take fails the member", "I5", "traffic.overwrite", 4000, ("return 0 if self.bad and -result not in GONE else min(result, -1)", "return min(result, -1)")),
    _m("who takes no rewrite is out although it has a log", "I5", "array", 4000, ("if not badblocks.fits(listed.log(sb), size=room, shift=sb.bblog_shift):", "if True:")),
    _m("what a recovery leaves out is not listed", "I6", "syncing.patch", 1000, ("if member.active and member.bad.without(lo, hi) and await self._corrector.enlist(member, lo, hi):", "if False:")),
    _m("a page is corrected without a ticket", "I8", "syncing.correct", 4000, ("            await ticket\n            await self._put_right(member, lo, hi)\n        finally", "            await self._put_right(member, lo, hi)\n        finally")),
    _m("a late write may land on a page that was corrected", "I8", "syncing.correct", 0, ("            and not any(m.device.zombies for m in self._array.targets())\n", ""), why="only the last copy keeps its place when it times out, and then there is no other to correct from or to"),
    _m("what cannot be read is not corrected", "I6", "syncing.correct", 4000, ("if copies and not self._too_many(member, lo, hi, copies):", "if False:")),
    _m("a retest believes what it can read", "I6", "syncing.retest", 300, ("    await mirror.sync.heal(member)\n", "    [member.list_good(*part) for part in member.bad]\n")),
    _m("a superblock calls a log valid that is not written", "I6", "metadata.scribe", 0, ("while member := next((m for m in self._array.targets() if m.bad and self._outdated(m)), None):", "for member in [m for m in self._array.targets() if m.bad and self._outdated(m)]:"), race=races.a_log_is_written_before_it_counts),
    _m("a log is forgotten before all of it is healed", "I6", "badranges", 200, ("(start, min(end, lo)), (max(start, hi), end)", "(0, 0), (0, 0)")),
    _m("a late answer comes into what the client is sent", "I16", "traffic.hedges", 4000, ("        self._read.done(0, buffer)\n", "        self._read.buffer.view[:] = buffer.view[:]\n        self._read.done(0, self._read.buffer)\n"), race=late.a_late_answer_comes_after_another_copy_answered),
    _m("a timed-out read may write into what the client is sent", "I16", "traffic.book", 0, ("        fresh = self._pool.empty(length)\n        buffer.drop()\n        return fresh\n", "        return buffer\n"), race=late.a_read_that_timed_out_lands_after_it_was_answered),
    _m("a late read is asked of a copy that may not be read", "I6", "traffic.hedges", 0, ("other = self.book.reader(read.offset, read.length, (read.member,))", "other = next((m for m in self._array.in_sync() if m is not read.member), None)"), race=late.a_late_read_is_asked_of_a_copy_that_has_it),
    _m("a flush does not wait for who lags", "I1", "traffic.book", 0, ("        await self._lag.drained()\n", ""), race=lagging.a_flush_waits_for_who_lags),
    _m("read from who lags", "I6", "traffic.book", 0, ("            and not self._lag.touches(m, offset, end)\n", ""), race=lagging.a_member_that_lags_is_read_when_it_has_what_is_asked),
    _m("shortcuts read from who lags", "I6", "mirror", 0, ("m.need.count or m.bad or m in shy", "m.need.count or m.bad"), race=lagging.a_member_that_lags_is_read_when_it_has_what_is_asked),
    _m("a write is answered although one refused it", "I1", "traffic.behind", 4000, ("return fine and any(", "return any(")),
    _m("overlapping writes do not wait for who lags", "I7", "traffic.behind", 4000, ("            self._mirror.lag.early += 1\n", "            self._mirror.lag.early += 1\n            self._mirror.tickets.leave(self._ticket)\n"), ("        mirror.tickets.leave(self._ticket)\n", "        if not self._answered:\n            mirror.tickets.leave(self._ticket)\n")),
    _m("what was answered and is nowhere is forgotten", "I5", "traffic.behind", 0, ("        if self._answered and not any(", "        if False and not any("), race=lagging.what_was_answered_and_is_nowhere_is_an_error),
    _m("who lagged is the measure after a crash", "I9", "assembly.needs", 0, ("key=lambda p: (p.found.superblock.devflags & WRITE_MOSTLY, p.role or 0),", "key=lambda p: p.role or 0,"), race=lagging.who_lagged_is_not_the_measure_after_a_crash),
    _m("inline ignores tickets", "I7", "mirror", 200, ("if self.tickets.buckets and not", "if False and not")),
    _m("a late write may land on a newer one", "I7", "traffic.book", 200, ("or self._last_copy_owes()", "or False"), ("            self._array.changed()  # a", "            pass  # a")),
    _m("a copy that timed out may land on what is written inline", "I7", "metadata.scribe", 0, ("            self._array.changed()  # what timed out", "            pass  # what timed out"), race=late.what_times_out_on_the_last_copy_keeps_shortcuts_from_it),
    _m("window without a ticket", "I8", "syncing.sync", 200, ("            await ticket\n            if self._late()", "            if self._late()")),
    _m("copy while a timed-out write may land", "I8", "syncing.sync", 0, ("if self._late() or self._untold()", "if self._untold()"), ("while self._late() and not self.stopped:\n                await sleep(_LATE)\n            while self._untold", "while self._untold"), race=races.a_late_write_of_the_last_copy_is_waited_for),
    _m("copied onto one that calls itself whole", "I9", "syncing.sync", 4000, ("            if self._untold():\n                return False  # who was", "            if False:\n                return False  # who was"), ("if self._late() or self._untold()", "if self._late()"), ("            while self._untold() and not self.stopped and not self._array.broken:\n                await self._scribe.progress\n", "")),
    _m("re-add while a chunk is copied counts as copied", "I8", "mirror", 600, ("self.book.epoch += 1", "pass")),
    _m("a write refused on the last copy is forgotten", "I8", "traffic.book", 0, ("await self._scribe.durable(self.suspect(offset, length))\n", "pass\n"), race=races.a_write_fails_on_the_last_copy_and_reaches_the_one_being_filled),
    _m("in sync without a flush", "I9", "syncing.sync", 20000, ("(result,) = await wait([Operation(member.device, Op.FLUSH)])\n        if member.state", "result = 0\n        if member.state")),
    _m("memory begins clean", "I9", "assembly.assemble", 200, ("active=not verdict.clean", "active=False")),
    _m("a number for each attempt", "I9", "metadata.scribe", 0, ("return False  # no superblock", "array.events = events\n                return False  # no superblock"), race=races.a_failed_attempt_uses_no_number_up),
    _m("the rejected is believed", "I9", "assembly.decide", 200, ("if (other := _successor_of(f, found))", "if (other := None)"), ("if role == ROLE_FAULTY:", "if False:"), ("elif role >= top.raid_disks and sb.role < ROLE_FAULTY:", "elif False:"), ("        role = table[sb.dev_number] if sb.dev_number < len(table) else ROLE_SPARE\n", "        role = sb.role\n"), ("and sb.events + 1 < top.events", "and sb.events + 2 < top.events")),
    _m("three events of tolerance", "I9", "assembly.decide", 0, ("and sb.events + 1 < top.events", "and sb.events + 3 < top.events"), race=table_races.a_copy_from_a_backup_is_stale),
    _m("bits of one copy only", "I9", "assembly.decide", 0, ("*(p.found.dirty for p in copies)", "*(p.found.dirty for p in copies[:1])"), why="data waits for the bit on every copy (I2): one that only some hold covers no write"),
    _m("a checkpoint above what is due again", "I9", "assembly.assemble", 20000, ("member.recovered = min(sb.recovery_offset * SECTOR, due)", "member.recovered = sb.recovery_offset * SECTOR")),
    _m("no levelling after a cut round", "I9", "assembly.assemble", 4000, ("    if not members and not mirror.intent.pages:", "    if True:")),
    _m("a re-added member lacks the bitmap", "I9", "mirror", 0, ("member.fresh = self.array.has_bitmap", "member.fresh = False"), race=races.a_re_added_member_holds_the_bitmap_that_counts),
    _m("a spare is re-added as if it held the data", "I9", "verbs.manage", 20000, ("if sb.role >= sb.raid_disks:", "if False:")),
    _m("writes are taken while it is read-only", "I13", "mirror", 300, ("        if self.readonly:\n            self.executor.spawn", "        if False:\n            self.executor.spawn")),
    _m("read-only before all is drained", "I13", "verbs.access", 300, ("    await drained(mirror)\n", "")),
    _m("who failed while it was read-only is written down late", "I4", "verbs.access", 0, ("        mirror.scribe.failed_at = mirror.scribe.want()\n", "        pass\n"), race=races.a_member_fails_while_it_is_read_only),
    _m("a new bitmap forgets what is marked", "I3", "verbs.bitmaps", 2000, ("    marked = [c for c in range(intent.chunks) if intent.heat[c] or c in intent.wanted]\n", "    marked: list[int] = []\n"), ("*(c for chunks in due.values() for c in chunks)", "*()")),
    _m("writes go on while the bitmap is exchanged", "I2", "mirror", 4000, ("            and not self.gate.shut\n", ""), ("        if self.gate.shut:\n            self.executor", "        if False:\n            self.executor")),
    _m("who missed that a bitmap came is left out", "I9", "assembly.decide", 0, ("    return freshest.header is not None and not sb.has_bitmap and sb.events + 1 == freshest.superblock.events", "    return False"), race=races.the_power_goes_when_superblocks_begin_to_speak_of_a_bitmap),
    _m("what is new of a larger mirror is not marked", "I3", "verbs.size", 300, ("    _mark(mirror, fresh)\n", "    _mark(mirror, range(0))\n")),
    _m("what is new of a larger mirror is read from any copy", "I6", "verbs.size", 300, ("            if member is not source:", "            if False:")),
    _m("a longer bitmap is not there when superblocks speak of it", "I2", "verbs.size", 0, ("member.fresh = array.has_bitmap and member.state is not State.FAULTY", "pass"), race=size_races.a_longer_bitmap_is_there_when_superblocks_speak_of_the_size),
    _m("a larger mirror is clean", "I2", "verbs.size", 0, ("array.active, array.resync_from = True, 0 if array.has_bitmap else old", "pass"), race=size_races.a_power_cut_while_what_is_new_is_resynced_forgets_nothing),
    _m("it is larger before that is on disk", "I11", "verbs.size", 300, ("        await all_written(mirror)\n        mirror.size", "        mirror.size")),
    _m("who missed that it grew is left out", "I9", "assembly.decide", 0, ("return sb.size < top.size <= sb.data_size and sb.events + 1 == top.events", "return False"), race=size_races.the_power_goes_when_superblocks_begin_to_speak_of_a_new_size),
    _m("who missed that it grew has no room", "I9", "verbs.size", 0, ("        await _make_room(mirror, growth.size)\n", "        [setattr(m, 'superblock', replace(m.superblock, data_size=room(m) // SECTOR)) for m in mirror.array.members]\n"), race=size_races.the_power_goes_when_superblocks_begin_to_speak_of_a_new_size),
    _m("bits of what is new are not read from who knows them", "I3", "assembly.decide", 0, ("return own is not None and (top is None or own.sync_size == top.sync_size)", "return own is not None"), race=size_races.the_power_goes_when_only_one_that_is_being_filled_knows_the_new_size),
    _m("a superblock on its way overtakes the place of a new bitmap", "I11", "metadata.quiet", 0, ('.", hint="Try again.")\n    await all_written(mirror)\n', '.", hint="Try again.")\n'), race=table_races.a_removal_at_any_moment_does_not_bring_old_superblocks_back),
    _m("the slot of who was replaced is given away at once", "I10", "array", 0, ("ROLE_FAULTY if member.state is State.FAULTY else ROLE_SPARE\n", "ROLE_SPARE\n"), race=table_races.the_slot_of_one_that_was_replaced_is_not_given_away_while_there_are_others),
    _m("a flag is set before it is on disk", "I11", "verbs.settings", 300, ("    if not await mirror.scribe.durable(mirror.scribe.want()):\n        member", "    if not mirror.scribe.want():\n        member")),
    _m("renamed before it is on disk", "I11", "verbs.settings", 300, ("    if not await mirror.scribe.durable(mirror.scribe.want()):\n        array", "    if not mirror.scribe.want():\n        array")),
    _m("a re-add forgets its unfinished recovery", "I9", "verbs.manage", 0, ("    if not guided:", "    if False:"), race=races.a_half_filled_member_is_filled_to_the_end),
    _m("a replaced member is out before that is on disk", "I4", "metadata.scribe", 0, ("self.leave_behind(self._newest)\n        self.failed_at = self.want()", "self.leave_behind(self._newest)\n        self.want()"), race=races.a_flush_waits_until_who_was_replaced_is_out_on_disk),
    _m("a replacement is believed before it is filled", "I9", "assembly.decide", 300, ("recovering = sb.recovering or not told", "recovering = (sb.recovering and not rivals) or not told")),
    _m("a replacement takes no writes", "I1", "array", 200, ("return [m for m in self.members if m.active]", "return [m for m in self.members if m.active and not m.replacement]")),
    _m("the others hear first who was replaced", "I9", "syncing.succession", 0, ("member.told = False", "pass"), race=races.a_replacement_hears_first_that_it_took_over),
    _m("what won is written over a write in flight", "I8", "checking.winner", 0, ("            await ticket\n", ""), race=winning.a_write_in_flight_comes_first),
    _m("what won may be lost again", "I1", "checking.winner", 300, ("if await self._book.flush() or not", "if not")),
    _m("who is away does not get what won", "I3", "checking.winner", 0, ("if self._array.degraded():", "if False:"), race=winning.who_is_away_gets_it_when_it_is_back),
    _m("who comes meanwhile does not get what won", "I3", "checking.winner", 0, ("return self._crew == self._standing()", "return True"), race=winning.who_comes_back_meanwhile_gets_it_too),
    _m("a winner that went and came back wins", "I9", "checking.winner", 0, ("winner = self._right\n", "winner = self._right = self._array.find(self._winner)\n"), race=winning.a_winner_that_went_and_came_back_wins_nothing),
    _m("what won is marked before it is written", "I14", "checking.winner", 0, ("            copies = await self._comparer.read(lo, hi)\n            right", "            await self._book.mark(lo, hi - lo)\n            copies = await self._comparer.read(lo, hi)\n            right"), race=winning.a_power_cut_anywhere_leaves_the_winner_as_it_is),
    _m("who stopped answering is written to inline", "I16", "mirror", 0, ("m.device.pwrite and not m.silent", "m.device.pwrite"), race=silent.who_stops_answering_is_not_written_to_inline_until_it_answers),
    _m("a last copy is believed before all that was late has ended", "I7", "lastcopy", 0, ("if member is None or member.device.zombies:", "if member is None:"), race=overdue.nothing_is_written_over_what_may_still_land),
    _m("a last copy is believed although a flush failed late", "I1", "lastcopy", 0, ("if member.device.failed_late:", "if False:"), race=overdue.a_flush_that_failed_late_is_never_taken_back),
    _m("no flush tells of a durable write that failed", "I5", "traffic.book", 0, ("return errno.EIO if unsaved else result", "return result"), race=overdue.a_durable_write_that_fails_is_told_by_the_next_flush),
    _m("a bitmap's header that was late is forgotten", "I3", "metadata.scribe", 0, ("        self._header_due |= bool(self._array.broken)\n", ""), race=overdue.what_was_refused_is_not_done_later),
    _m("bits that were late are forgotten", "I2", "metadata.scribe", 0, ("            intent.pages.update(pages)\n", ""), race=overdue.it_goes_on_when_the_last_copy_answers),
    _m("a log that may be half new is rewritten by halves", "I6", "metadata.scribe", 0, ("                self._array.break_down(_HALF.format(member.path))\n", "                pass\n"), race=overdue.a_log_of_bad_blocks_that_was_late_is_not_trusted),
    _m("a copy that was cut is read on", "I6", "traffic.losses", 0, ("self._scribe.fault(member, loss.why)", "False"), race=lost.who_was_cut_is_out),
    _m("the last copy is written to after it was cut", "I5", "traffic.losses", 0, ("            if loss.already:\n                self._array.break_down", "            if False:\n                self._array.break_down"), race=lost.the_last_copy_takes_no_more_writes_when_it_was_cut),
    _m("who was cut comes back by the bitmap", "I9", "verbs.manage", 0, ("if found.path in array.cut:", "if False:"), race=lost.who_was_cut_is_filled_in_full),
    _m("nobody counts the looks without an answer", "I16", "traffic.silence", 0, ("                self._set(member, True)\n", "                pass\n"), race=silent.who_stops_answering_is_not_written_to_inline_until_it_answers),
    _m("a copied disk is a member before its copy is on the medium", "I1", "birth.transplant", 0, ("    await work.flush()\n", ""), race=transplants.wherever_the_power_goes_the_copy_is_whole_or_no_member),
    _m("a disk is copied over the data of a superblock that stays", "I9", "birth.transplant", 0, ("    await erase_superblocks(new, pool)\n", ""), race=transplants.an_old_superblock_goes_before_anything_is_copied_over_its_data),
    _m("behind a copied disk's end is what was there", "I5", "birth.transplant", 0, ("        old.view[end - at : length] = bytes(length - (end - at))\n", ""), race=transplants.wherever_the_power_goes_the_copy_is_whole_or_no_member),
    _m("who is away does not get what was repaired", "I3", "checking.check", 0, ("        if self._array.degraded() and not await self._book.flush():\n            await", "        if False:\n            await"), race=repairing.who_is_away_gets_what_was_repaired),
    _m("who comes meanwhile does not get what was repaired", "I3", "checking.check", 0, ("return crew == self._standing()", "return True"), race=repairing.who_comes_back_meanwhile_gets_it_too),
    _m("what was repaired is marked before it is durable", "I9", "checking.check", 0, ("not await self._book.flush()", "True"), race=repairing.a_power_cut_anywhere_does_not_let_the_few_win),
    _m("who was out before vouches for who went on", "I10", "assembly.departed", 0, ("return sb.device_uuid.hex() in one.after and all(sb.events >= events for events, _ in one.shows)", "return True"), race=departures.who_was_out_before_does_not_vouch_for_who_went_on),
    _m("who went on vouches for nobody over a restart", "I9", "assembly.departed", 0, ("return sb.device_uuid.hex() in one.after and all(sb.events >= events for events, _ in one.shows)", "return False"), race=departures.who_went_on_vouches_for_what_it_takes_in),
    _m("who is only older explains nobody", "I10", "assembly.diverged", 0, ("    if not parting.parted_pairs(found, older):\n        if kept", "    if not parting.parted_pairs([f for f in found if f.path not in older]):\n        if kept"), race=departures.who_is_known_to_be_older_still_explains_others),
    _m("a disk is a member before its bitmap is there", "I2", "birth.adopt", 100, ("places.bitmap[0], image, pool)", "places.superblock[0],  blank_page(superblock), pool)"), ("places.superblock[0], blank_page(superblock), pool)", "places.bitmap[0], image, pool)"), adopted=True),
    _m("a bitmap is written over what is adopted", "I14", "birth.adopt", 20, ("places.bitmap[0], image", "places.bitmap[0] - bitmap.PAGE, image"), adopted=True),
    _m("an adopted disk may be none again", "I11", "birth.durable", 20, ("fua=True", "fua=False"), adopted=True),
    _m("a copied disk is not compared", "I5", "birth.transplant", 100, ("        for piece in different:\n            raise", "        for piece in different[:0]:\n            raise"), adopted=True),
    _m("a superblock that could not be read comes back", "I9", "birth.erase", 300, ("if one.for_this_device), *unread]", "if one.for_this_device)]"), adopted=True),
    _m("what is behind a copied disk's end keeps it from being copied", "I5", "birth.transplant", 1000, ("padded = -(-end // _PAGE) * _PAGE", "padded = end"), adopted=True),
]  # fmt: skip


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    """The core with the mutant's changes, for as long as the block runs."""
    module = importlib.import_module(f"mirrortui.mirror.{mutant.module}")
    source = inspect.getsource(module)
    for old, new in mutant.changes:
        assert source.count(old) == 1, f"{mutant.name}: {old!r} is there {source.count(old)} times"
        source = source.replace(old, new)
    changed: dict[str, Any] = {"__name__": module.__name__}
    exec(compile(source, module.__file__ or "", "exec"), changed)
    saved: list[tuple[FunctionType, CodeType]] = []
    for ours, theirs in _functions(module, changed):
        saved.append((ours, ours.__code__))
        ours.__code__ = theirs.__code__
    try:
        yield
    finally:
        for function, code in saved:
            function.__code__ = code


def _functions(module: ModuleType, changed: dict[str, Any]) -> Iterator[tuple[FunctionType, FunctionType]]:
    """Pairs of the same function, before and after."""
    for name, ours in vars(module).items():
        if getattr(ours, "__module__", None) != module.__name__:
            continue
        theirs = changed[name]
        if isinstance(ours, FunctionType):
            yield ours, theirs
        elif isinstance(ours, type):
            for attribute, value in vars(ours).items():
                there = vars(theirs).get(attribute)
                if isinstance(value, property) and isinstance(value.fget, FunctionType):
                    value, there = value.fget, there.fget if isinstance(there, property) else None
                if isinstance(value, FunctionType) and isinstance(there, FunctionType):
                    yield value, there
