"""Why an action is not to be had, in words that say what to do instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mirrortui.testing.fake_mirrors import the_vault
from mirrortui.testing.staging import stage
from mirrortui.tui.actions import refusals
from mirrortui.tui.actions.action import Situation

SILENT = (
    "It takes no writes now: /dev/sdc, the last copy, is late. It goes on by itself when /dev/sdc answers."
)
BROKEN = "It takes no more writes: /dev/sdc, the last copy: flush error. Stop it, and assemble it again."


@pytest.mark.parametrize("refuse", [refusals.whole, refusals.running], ids=["fix", "assemble"])
@pytest.mark.parametrize(
    ("why", "told"),
    [
        (SILENT, "vault goes on by itself when its last copy answers"),
        (BROKEN, "vault still runs: s stops it, then it can be assembled"),
    ],
    ids=["silent", "broken"],
)
def test_a_mirror_that_failed_and_still_runs_is_not_assembled(
    refuse: Callable[[Situation], str | None], why: str, told: str
) -> None:
    _, app = stage("healthy", history=1)
    failed = the_vault(0.0, state="failed", why=why)
    assert failed.worker_pid
    assert refuse(Situation(app.store.picture, failed, None)) == told
