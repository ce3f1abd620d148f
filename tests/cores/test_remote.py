"""Clips from other hosts, against servers on this machine that play the internet."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpcore
import pytest

from comps.cores.audio.references import AudioRoot
from comps.cores.audio.remote import RemoteClips, is_public
from comps.cores.errors import BodyTooLarge, SovitsError, UrlRefused, UrlUnreadable

PUBLIC = "93.184.215.14"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nclip"

Script = Callable[[socket.socket], None]


@contextmanager
def server(*scripts: Script) -> Iterator[int]:
    """A port where each connection in turn is played one script."""
    listener = socket.create_server(("127.0.0.1", 0))

    def play() -> None:
        for script in scripts:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    while b"\r\n\r\n" not in connection.recv(4096):
                        pass
                    script(connection)
                except OSError:
                    pass

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def says(data: bytes) -> Script:
    return lambda connection: connection.sendall(data)


@dataclass
class Internet(httpcore.SyncBackend):
    """Every address leads to one port of this machine; who was connected to is written down."""

    port: int = 0
    connected: list[tuple[str, int]] = field(default_factory=list)

    def connect_tcp(self, host: str, port: int, *options: Any, **more: Any) -> httpcore.NetworkStream:
        self.connected.append((host, port))
        return super().connect_tcp("127.0.0.1", self.port, *options, **more)


def clips(
    internet: Internet, *hosts: str, names: dict[str, list[str]] | None = None, **limits: Any
) -> RemoteClips:
    known = names or {"cdn.example": [PUBLIC]}

    def resolve(host: str, port: int) -> list[str]:
        if host not in known:
            raise OSError("unknown")
        return known[host]

    return RemoteClips(hosts or ("cdn.example",), resolve=resolve, network=internet, **limits)


def test_a_clip_is_fetched_from_the_address_that_was_checked() -> None:
    with server(says(OK)) as port:
        internet = Internet(port)
        assert clips(internet).fetch("http://cdn.example/a.wav?x=1") == b"clip"
    assert internet.connected == [(PUBLIC, 80)]


def test_a_name_is_resolved_once_so_that_a_second_answer_gains_nothing() -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    with server(says(OK)) as port:
        internet = Internet(port)
        remote = RemoteClips(("cdn.example",), resolve=lambda host, port: next(answers), network=internet)
        remote.fetch("http://cdn.example/")
    assert internet.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254",
        "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1",
        "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_internet_are_refused_before_connecting(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    for addresses in ([address], [PUBLIC, address]):
        internet = Internet()
        with pytest.raises(UrlRefused, match="no public address"):
            clips(internet, names={"cdn.example": addresses}).fetch("http://cdn.example/a.wav")
        assert internet.connected == []


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_not(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example/a.wav",
        "http://cdn.example.evil.example/a.wav",
        "http://evilcdn.example/a.wav",
        "http://cdn.example:8080/a.wav",
        "http://cdn.example:22/a.wav",
        "https://cdn.example:80/a.wav",
        "http://cdn.example@other.example/a.wav",
        "http://user:word@cdn.example/a.wav",
        "http://other.example#@cdn.example/",
        "http://other.example\\@cdn.example/",
        "http:///a.wav",
        "http://[cdn.example/",
        "http://cdn.example:99999/",
        "http://cdn.example/a b.wav",
        "http://cdn.example/a\r\nX-Evil: 1",
        "http://127.0.0.1/a.wav",
        "http://2130706433/a.wav",
        "ftp://cdn.example/a.wav",
        "file://cdn.example/etc/passwd",
    ],
)
def test_urls_of_other_hosts_and_odd_ones_are_refused_before_anything_is_resolved(url: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError("resolved")

    with pytest.raises(UrlRefused):
        RemoteClips(("cdn.example",), resolve=resolve).fetch(url)


@pytest.mark.parametrize(
    ("entry", "url", "fits"),
    [
        (".example", "http://cdn.example/", True),
        (".example", "http://a.cdn.example/", True),
        (".example", "http://example/", False),
        (".example", "http://cdnexample/", False),
        ("CDN.Example", "http://cdn.EXAMPLE./", True),
        ("cdn.example:8080", "http://cdn.example:8080/", True),
        ("cdn.example:8080", "http://cdn.example/", False),
    ],
)
def test_an_entry_allows_a_host_or_all_below_a_domain(entry: str, url: str, fits: bool) -> None:
    with server(says(OK)) as port:
        remote = RemoteClips((entry,), resolve=lambda host, port: [PUBLIC], network=Internet(port))
        if fits:
            assert remote.fetch(url) == b"clip"
        else:
            with pytest.raises(UrlRefused):
                remote.fetch(url)


def redirect(to: str, status: int = 302) -> Script:
    return says(f"HTTP/1.1 {status} Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode())


@pytest.mark.parametrize("to", ["/b.wav", "http://cdn.example/b.wav", "https:b.wav"])
def test_a_redirect_within_what_is_allowed_is_followed(to: str) -> None:
    with server(redirect(to), says(OK)) as port:
        if to.startswith("https:"):
            with pytest.raises(SovitsError):  # the plain server cannot speak TLS: but it was asked
                clips(Internet(port)).fetch("http://cdn.example/a.wav")
        else:
            assert clips(Internet(port)).fetch("http://cdn.example/a.wav") == b"clip"


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/",
        "http://other.example/",
        "file:///etc/passwd",
        "//inner.example/",
    ],
)
def test_a_redirect_elsewhere_is_refused(to: str) -> None:
    names = {"cdn.example": [PUBLIC], "inner.example": ["10.0.0.1"], "other.example": [PUBLIC]}
    with server(redirect(to), says(OK)) as port:
        internet = Internet(port)
        with pytest.raises(UrlRefused):
            clips(internet, "cdn.example", "inner.example", names=names).fetch("http://cdn.example/a.wav")
        assert len(internet.connected) == 1


def test_a_circle_of_redirects_ends() -> None:
    with server(*[redirect("/a.wav")] * 9) as port:
        internet = Internet(port)
        with pytest.raises(UrlUnreadable, match="redirects"):
            clips(internet).fetch("http://cdn.example/a.wav")
        assert len(internet.connected) == 4


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(bytes(65_536))


@pytest.mark.parametrize("script", [says(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), endless])
def test_what_is_too_large_is_refused_by_its_header_or_when_it_is(script: Script) -> None:
    with server(script) as port, pytest.raises(BodyTooLarge):
        clips(Internet(port), max_bytes=1_000_000).fetch("http://cdn.example/a.wav")


def dripping(first: bytes) -> Script:
    def drip(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.05)

    return drip


@pytest.mark.parametrize(
    "script",
    [
        lambda connection: time.sleep(3),
        dripping(b"HTTP/1.1 200 OK\r\nX-Long: "),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
    ],
    ids=["silent", "header in drops", "body in drops"],
)
def test_who_is_slow_is_given_up(script: Script) -> None:
    began = time.monotonic()
    with server(script) as port, pytest.raises(UrlUnreadable, match="within"):
        clips(Internet(port), max_seconds=0.4).fetch("http://cdn.example/a.wav")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
    ],
)
def test_other_answers_are_unreadable(reply: bytes) -> None:
    with server(says(reply)) as port, pytest.raises(UrlUnreadable):
        clips(Internet(port)).fetch("http://cdn.example/a.wav")


def test_an_unknown_name_is_unreadable() -> None:
    with pytest.raises(UrlUnreadable):
        clips(Internet(), "unknown.example").fetch("http://unknown.example/")


def test_a_request_may_name_a_url_where_a_host_is_allowed(tmp_path: Any) -> None:
    with server(says(OK)) as port:
        assert AudioRoot(tmp_path, remote=clips(Internet(port))).read("http://cdn.example/a.wav") == b"clip"
    with pytest.raises(UrlRefused, match="no host is allowed"):
        AudioRoot(tmp_path).read("http://cdn.example/a.wav")
