"""The control socket, in a real loop with a real peer."""

from __future__ import annotations

import errno
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mirrortui.api.requests import MemberRequest
from mirrortui.device.opening import open_engine
from mirrortui.errors import InUseError, MirrortuiError, NotFoundError, RequestError
from mirrortui.worker import control
from mirrortui.worker.control import MOST_UNSENT, Control, Respond, arguments
from mirrortui.worker.loop import Loop
from mirrortui.worker.messages import Call, Line
from mirrortui.worker.recorder import Recorder


class Rig:
    """A control socket whose handler repeats what it is asked."""

    def __init__(self, place: Path) -> None:
        self.path = place / "c.sock"
        self.engine = open_engine("threads")
        self.loop = Loop(self.engine)
        self.recorder = Recorder(self.loop)
        self.control = Control(self.loop, self.path, self.recorder)
        self.late: list[Respond] = []
        self.peers: list[Peer] = []

    def handle(self, call: Call, respond: Respond) -> None:
        if call.verb == "fail":
            respond(NotFoundError("No such member.", hint="Look."))
        elif call.verb == "late":
            self.late.append(respond)
        else:
            respond({"verb": call.verb})

    def turn(self, times: int = 4) -> None:
        for _ in range(times):
            self.loop.turn(0.01)

    def close(self) -> None:
        for peer in self.peers:
            peer.socket.close()
        self.control.close()
        self.loop.close()
        self.engine.close()


class Peer:
    """An engine, or what claims to be one."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(rig.path))
        self.socket.setblocking(False)
        rig.peers.append(self)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)
        self.rig.turn()

    def lines(self) -> list[Line]:
        self.rig.turn()
        received = self.socket.recv(1 << 20)
        return [msgspec.json.decode(line, type=Line) for line in received.splitlines()]

    def is_cut_off(self) -> bool:
        """Whether the connection ends, after whatever was sent on it."""
        self.rig.turn()
        self.socket.setblocking(True)
        self.socket.settimeout(5)
        try:
            while self.socket.recv(1 << 20):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    rig.control.begin(rig.handle)
    yield rig
    rig.close()


@pytest.fixture
def peer(rig: Rig) -> Iterator[Peer]:
    peer = Peer(rig)
    yield peer
    peer.socket.close()


def test_each_call_gets_its_answer(rig: Rig, peer: Peer) -> None:
    peer.send(b'{"id":1,"verb":"late"}\n{"id":2,"verb":"status"}\n{"id":3,"verb":"fai')
    peer.send(b'l"}\n')
    rig.late[0]("at last")
    two, three, one = peer.lines()
    assert (two.id, two.ok) == (2, msgspec.Raw(b'{"verb":"status"}'))
    assert (three.id, three.error and three.error.code, three.error and three.error.hint) == (
        3,
        "not-found",
        "Look.",
    )
    assert (one.id, one.ok) == (1, msgspec.Raw(b'"at last"'))


def test_who_follows_gets_what_was_and_what_comes(rig: Rig, peer: Peer) -> None:
    rig.recorder.observe("kind", "info", "Before.")
    peer.send(b'{"id":1,"verb":"status"}\n')
    rig.recorder.observe("kind", "info", "Also before.")
    assert [line.id for line in peer.lines()] == [1]
    peer.send(b'{"id":2,"verb":"follow"}\n')
    rig.recorder.observe("kind", "good", "After.")
    reply, *events = peer.lines()
    assert reply.id == 2
    assert [line.event and line.event.text for line in events] == ["Before.", "Also before.", "After."]


@pytest.mark.parametrize(
    "nonsense",
    [b"\xff\xfe\n", b"{}\n", b'{"id":"x","verb":"status"}\n', b'{"id":1,"verb":"status","more":1}\n', b"\n"],
)
def test_nonsense_ends_the_connection_and_nothing_else(rig: Rig, peer: Peer, nonsense: bytes) -> None:
    peer.send(nonsense)
    assert peer.is_cut_off()
    other = Peer(rig)
    other.send(b'{"id":1,"verb":"status"}\n')
    assert [line.id for line in other.lines()] == [1]
    other.socket.close()


def test_who_does_not_read_is_cut_off(rig: Rig, peer: Peer) -> None:
    peer.send(b'{"id":1,"verb":"follow"}\n')
    for number in range(2 * MOST_UNSENT // 100_000):
        rig.recorder.observe(f"kind-{number}", "info", "x" * 100_000)
        rig.turn(1)
    assert not rig.control.engines
    assert peer.is_cut_off()


def test_an_answer_to_who_has_left_is_dropped(rig: Rig, peer: Peer) -> None:
    peer.send(b'{"id":1,"verb":"late"}\n')
    peer.socket.close()
    rig.turn()
    rig.late[0]("nobody hears this")
    rig.turn()
    assert not rig.control.engines


def test_last_words_reach_the_engine(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.control.begin(rig.handle)
    peer = Peer(rig)
    peer.send(b'{"id":1,"verb":"follow"}\n')
    rig.recorder.observe("mirror-stopped", "info", "It was stopped.")
    rig.control.close()
    received = peer.socket.recv(1 << 20)
    assert b"It was stopped." in received
    assert not rig.path.exists()
    peer.socket.close()
    rig.loop.close()
    rig.engine.close()


def test_an_engine_that_just_sends_something_else_loses_no_last_words(tmp_path: Path) -> None:
    """A write to a socket that is closed already would have the kernel drop what was not read yet."""
    rig = Rig(tmp_path)
    rig.control.begin(rig.handle)
    peer = Peer(rig)
    peer.send(b'{"id":1,"verb":"follow"}\n')
    rig.recorder.observe("mirror-stopped", "info", "It was stopped.")
    leaving = threading.Thread(target=rig.control.close)
    leaving.start()
    poll = select.poll()
    poll.register(peer.socket, select.POLLRDHUP)
    assert poll.poll(5000), "the worker says that it is done"
    peer.socket.sendall(b'{"id":2,"verb":"status"}\n')
    received = peer.socket.recv(1 << 20)
    assert b"It was stopped." in received
    peer.socket.close()
    leaving.join(5)
    rig.loop.close()
    rig.engine.close()


def test_two_workers_of_one_mirror_cannot_be(rig: Rig) -> None:
    with pytest.raises(InUseError, match="already serving"):
        Control(rig.loop, rig.path, rig.recorder)


def test_a_mirror_that_does_not_run_yet_says_so(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    answers: list[object] = []
    rig.control.handler(Call(id=1, verb="status"), answers.append)
    (answer,) = answers
    assert isinstance(answer, MirrortuiError)
    rig.close()


def test_arguments_are_checked() -> None:
    good = Call(id=1, verb="fail", args=msgspec.Raw(b'{"member":"/b.img","yes":true}'))
    assert arguments(good, MemberRequest) == MemberRequest(member="/b.img", yes=True)
    for bad in (b"null", b'{"member":7}', b'{"member":"/b.img","sure":true}'):
        with pytest.raises(RequestError, match="arguments of fail"):
            arguments(Call(id=1, verb="fail", args=msgspec.Raw(bad)), MemberRequest)


def test_a_worker_without_a_descriptor_left_waits_for_one(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_BREATHER", 0.01)
    refusals = [errno.EMFILE, errno.ENFILE]
    accept = socket.socket.accept

    def starved(listener: socket.socket) -> tuple[socket.socket, object]:
        if refusals:
            raise OSError(refusals.pop(), "Too many open files")
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", starved)
    peer = Peer(rig)
    rig.turn(20)
    assert not refusals
    peer.send(b'{"id": 1, "verb": "status"}\n')
    assert peer.lines()
