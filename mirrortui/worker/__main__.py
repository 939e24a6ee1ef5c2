"""`python -m mirrortui.worker`: the job on stdin, the answer on stdout, the log on stderr."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import sys

import msgspec

from mirrortui import log
from mirrortui.device.opening import open_engine
from mirrortui.worker.loop import Loop
from mirrortui.worker.messages import Job, Started
from mirrortui.worker.title import show_name
from mirrortui.worker.worker import Worker

_DESCRIPTORS = 4096
"""Sockets of clients and members; the usual soft limit of 1024 would do for few."""


def main() -> int:
    """Run one mirror to its end. Exit code 1 if it never ran."""
    log.to_stderr()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    _settle_in(job.name)
    answers: list[Started] = []

    def answer(started: Started) -> None:
        answers.append(started)
        _say(started)

    engine = open_engine()
    loop = Loop(engine)
    loop.executor.spawn(Worker(loop, engine, job, _tell).start(answer))
    gc.collect()
    gc.freeze()  # what the imports made stays for good: not to be looked through again and again
    loop.run()
    loop.close()
    engine.close()
    return 0 if answers and answers[0].mirror else 1


def _settle_in(name: str) -> None:
    """Be found by name in ps, have enough descriptors, and be stopped by SIGTERM only."""
    show_name(name)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(_DESCRIPTORS, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _tell(progress: str) -> None:
    """Whoever started us may be gone, which changes nothing."""
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), msgspec.json.encode(Started(progress=progress)) + b"\n")


def _say(started: Started) -> None:
    """The answer."""
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), msgspec.json.encode(started) + b"\n")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
