"""NBD URIs, there and back."""

from __future__ import annotations

import pytest

from mirrortui.errors import RequestError
from mirrortui.nbd.uri import NbdUri, parse_uri


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("nbd+unix:///vault?socket=/run/user/0/vault.sock", NbdUri("vault", socket="/run/user/0/vault.sock")),
        ("nbd+unix:///?socket=/a%20b/%C3%A9", NbdUri("", socket="/a b/é")),
        ("nbd+unix:///a%2Fb%3Fc?socket=/s", NbdUri("a/b?c", socket="/s")),
        ("nbd://127.0.0.1:10810/vault", NbdUri("vault", host="127.0.0.1", port=10810)),
        ("nbd://[::1]:4711/", NbdUri("", host="::1", port=4711)),
    ],
)
def test_there_and_back(text: str, uri: NbdUri) -> None:
    assert parse_uri(text) == uri
    assert str(uri) == text


def test_the_port_has_a_default() -> None:
    assert parse_uri("nbd://localhost/x") == NbdUri("x", host="localhost", port=10809)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither"),
        ("/dev/sda", "neither"),
        ("nbds://host/x", "neither"),
        ("nbd+unix:///vault", "no socket"),
        ("nbd:///vault", "no host"),
        ("nbd://host:99999/x", "port"),
        ("nbd://host:x/x", "port"),
    ],
)
def test_what_is_not_one(text: str, why: str) -> None:
    with pytest.raises(RequestError, match=why) as raised:
        parse_uri(text)
    assert "nbd+unix:///NAME?socket=PATH" in raised.value.hint
