"""Every verb that a running mirror has, under a client of other make that verifies all it reads: fio."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from mirrortui.units import MIB
from tests.e2e.conftest import PATIENCE, World, data_areas, until
from tests.support import needs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SIZE, LONGER = 40 * MIB, 48 * MIB
LOADS = {
    "small": ["--bsrange=4k-16k", "--iodepth=16", "--fsync=64", "--rate_iops=1500"],
    "large": ["--bsrange=4k-1M", "--iodepth=4", "--fsync=16", "--offset=20M"],
}
"""Two clients, by what they are called."""
LONGEST = 5.0
"""Seconds that no request may take; TIMEOUT is what a hang may cost."""
TIMEOUT = "2"

IN_SYNC, IDLE = "wait vault --for in-sync --timeout 20", "wait vault --timeout 20"
VERBS = {
    "fail, and the spare takes over": ["fail vault a.img --yes", IN_SYNC, "remove vault a.img"],
    "add in full": ["grow vault --members 3", "add vault a.img --force --yes", IN_SYNC],
    "re-add": ["fail vault b.img --yes", "re-add vault b.img", IN_SYNC],
    "replace, given up and done": [
        "sync vault speed 0 1M",
        "replace vault c.img --with d.img",
        "sync vault cancel",
        "sync vault speed 0 0",
        "remove vault d.img",
        "replace vault c.img --with d.img --force --yes",
        IN_SYNC,
    ],
    "fewer members": ["fail vault a.img --yes", "grow vault --members 2 --yes", "remove vault a.img"],
    "check and repair": ["check vault --wait", "repair vault --yes --wait", "mismatches vault"],
    "what they have": [
        "mismatches vault --show 1M",
        "badblocks vault b.img --retest",
        "status vault --if-fails b.img",
    ],
    "pause": [
        "sync vault speed 0 1M",
        "check vault",
        "sync vault pause",
        "sync vault resume",
        "sync vault cancel",
    ],
    "pace": ["sync vault speed 0 0", "sync vault impact low", "check vault", "sync vault impact max", IDLE],
    "bitmap": [
        "set vault bitmap none --yes",
        "set vault bitmap internal",
        "set vault bitmap internal --bitmap-chunk 4K",
    ],
    "flags": [
        "set vault d.img write-mostly on",
        "set vault write-behind 64",
        "set vault d.img failfast on",
        "set vault write-behind 0",
        "set vault d.img write-mostly off",
    ],
    "size": ["LONGER", "grow vault --size max --yes", IDLE],
    "name": ["rename vault crypt --yes", "status crypt", "rename crypt vault --yes"],
    "one more address": ["export vault --unix other.nbd --readonly"],
    "without an engine": ["engine stop", "check vault --wait"],
    "a file that is cut": ["CUT", "remove vault d.img", "add vault d.img --force --yes", IN_SYNC],
    "a file that is deleted": [
        "DELETE",
        "OUT",
        "remove vault d.img",
        "add vault a.img --force --yes",
        IN_SYNC,
    ],
    "a disk that is pulled": [
        "lab vault pull a.img",
        "OUT",
        "lab vault mend a.img",
        "re-add vault a.img",
        IN_SYNC,
    ],
    "a disk that hangs": [
        "lab vault hang a.img",
        "OUT",
        "lab vault mend a.img",
        "re-add vault a.img",
        IN_SYNC,
    ],
    "a disk that is slow": ["lab vault slow a.img", "lab vault mend a.img"],
    "bad sectors": [
        "lab vault bad-sectors a.img",
        "check vault --wait",
        "lab vault mend a.img",
        "check vault --wait",
    ],
}


class Fio:
    """It runs until it is ended.

    Without --serialize_overlap it reads where it writes, once in a while, and calls half a write a wrong one.
    """

    def __init__(self, world: World, uri: str) -> None:
        self._output = world.place / "fio.json"
        words = ["fio", "--thread", "--ioengine=nbd", f"--uri={uri}", "--rw=randrw", "--size=16M"]
        words += [
            "--serialize_overlap=1",
            "--verify=crc32c",
            "--verify_backlog=32",
            "--verify_fatal=1",
            "--time_based",
            "--runtime=290",
        ]
        words += ["--output-format=json", f"--output={self._output}"]
        words += [word for name, load in LOADS.items() for word in (f"--name={name}", *load)]
        self._process = subprocess.Popen(words, cwd=world.place, stderr=subprocess.PIPE, text=True)

    @property
    def runs(self) -> bool:
        """It ends by itself at the first error."""
        return self._process.poll() is None

    def end(self) -> list[dict[str, Any]]:
        """What it says of each client."""
        self._process.send_signal(signal.SIGINT)
        _, said = self._process.communicate(timeout=PATIENCE)
        text = self._output.read_text()
        said += text[: text.index("{")]
        return [job | {"said": said} for job in json.loads(text[text.index("{") :])["jobs"]]

    def __enter__(self) -> Fio:
        return self

    def __exit__(self, *problem: object) -> None:
        self._process.kill()
        self._process.communicate()


def test_no_verb_costs_a_client_anything(world: World) -> None:
    needs("fio")
    images = {name: world.image(f"{name}.img", SIZE) for name in "abcd"}

    def make_all_longer() -> None:
        for path in images.values():
            os.truncate(path, LONGER)

    def cut() -> None:
        os.truncate(
            images["d"], LONGER - 4 * MIB
        )  # behind what is read: until it is noticed that would be zeroes
        until(lambda: world.client.mirror("vault").state == "degraded", "it is out")
        os.truncate(images["d"], LONGER)

    own: dict[str, Callable[[], object]] = {
        "LONGER": make_all_longer,
        "CUT": cut,
        "DELETE": images["d"].unlink,
        "OUT": lambda: until(lambda: world.client.mirror("vault").state == "degraded", "it is out"),
    }
    uri = world.do(
        "create", "vault", "a.img", "b.img", "--spare", "c.img", "--lab", "--timeout", TIMEOUT
    ).out.strip()
    world.do("sync", "vault", "impact", "max")
    with Fio(world, uri) as fio:
        until(lambda: world.client.mirror("vault").write_rate, "it writes")
        for what, verbs in VERBS.items():
            for verb in verbs:
                if verb in own:
                    own[verb]()
                else:
                    world.do(*verb.split())
                assert fio.runs, (what, verb, fio.end())
        jobs = fio.end()
    for job in jobs:
        assert job["error"] == 0, (job["said"], job)
        assert min(job["read"]["total_ios"], job["write"]["total_ios"]) > 100, job
        assert max(job[way]["clat_ns"]["max"] for way in ("read", "write")) < LONGEST * 1e9, job
    assert world.do("check", "vault", "--wait", "--json").data["mismatches"] == 0
    world.do("stop", "vault")
    assert len(set(data_areas(images["a"], images["b"]))) == 1
