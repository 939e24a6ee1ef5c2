"""The socket decides where everything else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirrortui.api import names
from mirrortui.api.paths import resolve
from mirrortui.errors import RequestError


def test_root_has_a_place_of_its_own() -> None:
    paths = resolve(environ={"XDG_RUNTIME_DIR": "/run/user/0"}, uid=0)
    assert paths.socket == Path("/run/mirrortui/engine.sock")
    assert paths.state == Path("/var/lib/mirrortui/state.json")


def test_a_user_has_the_usual_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/home/u/state")
    paths = resolve(environ={"XDG_RUNTIME_DIR": "/run/user/7"}, uid=7)
    assert paths.socket == Path("/run/user/7/mirrortui/engine.sock")
    assert paths.control("vault") == Path("/run/user/7/mirrortui/workers/vault.sock")
    assert paths.export("vault") == Path("/run/user/7/mirrortui/vault.nbd")
    assert paths.state == Path("/home/u/state/mirrortui/state.json")


def test_the_option_wins_over_the_variable() -> None:
    environ = {"MIRRORTUI_SOCKET": "/tmp/variable.sock"}
    assert resolve(environ=environ, uid=7).socket == Path("/tmp/variable.sock")
    assert resolve("/tmp/option.sock", environ, uid=7).socket == Path("/tmp/option.sock")


def test_two_sockets_in_a_directory_share_nothing() -> None:
    one, other = resolve("/tmp/one.sock"), resolve("/tmp/other.sock")
    assert one.runtime == Path("/tmp/one.sock.d")
    assert not {one.state, one.journal, one.lock, one.workers} & {
        other.state,
        other.journal,
        other.lock,
        other.workers,
    }


def test_a_socket_given_in_full_is_the_same_engine() -> None:
    own = resolve(environ={}, uid=0)
    assert resolve(str(own.socket), {}, uid=0) == own


def test_a_path_too_long_for_a_socket_is_refused() -> None:
    with pytest.raises(RequestError, match="too long") as caught:
        resolve("/tmp/" + "x" * 120)
    assert "--socket" in caught.value.hint
    with pytest.raises(RequestError, match="too long"):
        resolve("/tmp/" + "x" * 90).control("vault")


def test_directories_are_for_this_user_only(tmp_path: Path) -> None:
    paths = resolve(str(tmp_path / "s"))
    paths.make()
    assert paths.workers.stat().st_mode & 0o777 == 0o700
    assert paths.runtime.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_not_trusted(tmp_path: Path) -> None:
    paths = resolve(str(tmp_path / "s"))
    paths.runtime.mkdir()
    os.chown(paths.runtime, 12345, 12345)
    with pytest.raises(RequestError, match="belongs to another user"):
        paths.make()


@pytest.mark.parametrize("name", ["vault", "a", "photos-2026.old_1", "x" * 32, "größe"])
def test_good_names(name: str) -> None:
    assert names.checked(name) == name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "empty"),
        ("a/b", "slash"),
        ("..", "begins with '.'"),
        ("-x", "begins with '-'"),
        ("a\nb", "control characters"),
        ("a\x1b[2J", "control characters"),
        ("a b", "spaces"),
        ("x" * 33, "33 bytes of at most 32"),
        ("ü" * 17, "34 bytes of at most 32"),
        ("\udcff", "control characters"),
    ],
)
def test_bad_names_say_what_is_wrong(name: str, told: str) -> None:
    with pytest.raises(RequestError, match=told) as caught:
        names.checked(name)
    assert caught.value.exit_code == 2
