"""Clips from other hosts: allowed ones only, at public addresses only, in bounded time and size.

A name is resolved once, and the connection goes to the very address that was checked: a name server that
gives another answer the second time gains nothing. Each redirect is a new address, checked like the first.
"""

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import httpcore

from comps.constants import MAX_BODY_BYTES
from comps.cores.errors import BodyTooLarge, UrlRefused, UrlUnreadable

MAX_REDIRECTS = 3
PORTS = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 303, 307, 308)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]


def is_public(address: Address) -> bool:
    """Whether an address is of the internet at large: no loopback, private network, metadata service …"""
    if isinstance(address, ipaddress.IPv6Address):
        # An address of the older kind in the newer notation is what it contains; tunnels (6to4, Teredo)
        # contain one too, and lead there.
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None or address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def resolved(host: str, port: int) -> list[str]:
    """Every address of a name, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class RemoteClips:
    """`hosts`: `cdn.example.org` is that host, `.example.org` are all below; `host:port` allows another port.

    `resolve`, `permits` and `network` are the outside world, which tests replace.
    """

    hosts: tuple[str, ...] = ()
    max_bytes: int = MAX_BODY_BYTES
    max_seconds: float = 15.0
    resolve: Resolver = resolved
    permits: Callable[[Address], bool] = is_public
    network: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)

    def fetch(self, url: str) -> bytes:
        """What the URL leads to. Raises `UrlRefused`, `UrlUnreadable` or `BodyTooLarge`."""
        deadline = time.monotonic() + self.max_seconds
        backend = _CheckedNetwork(self, deadline)
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url)
            try:
                with (
                    httpcore.ConnectionPool(network_backend=backend, max_connections=1) as pool,
                    pool.stream("GET", url, headers=_headers(url)) as reply,
                ):
                    if reply.status not in REDIRECTS:
                        return self._read(reply, deadline)
                    url = urljoin(url, _header(reply, b"location"))
            except httpcore.TimeoutException as error:
                raise UrlUnreadable(f"the clip did not arrive within {self.max_seconds:g} s") from error
            except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
                raise UrlUnreadable("the host of the clip could not be read from") from error
        raise UrlUnreadable(f"the clip's URL redirects more than {MAX_REDIRECTS} times")

    def _check(self, url: str) -> None:
        """Refuse what is not a plain URL of an allowed host and port."""
        try:
            parts = urlsplit(url)
            host, port = _host(parts), parts.port or PORTS.get(parts.scheme)
        except ValueError as error:
            raise UrlRefused("the clip's URL is not well formed") from error
        if parts.scheme not in PORTS or not host or "@" in parts.netloc:
            raise UrlRefused("a clip's URL must look like https://host/path")
        if not url.isprintable() or " " in url or not url.isascii():
            raise UrlRefused("a clip's URL must be percent-encoded")
        named = f"{host}:{port}"
        usual = port == PORTS[parts.scheme]
        if not any(_fits(entry, host if usual else named) or _fits(entry, named) for entry in self.hosts):
            raise UrlRefused("clips are fetched from allowed hosts only (setting REFERENCE_HOSTS)")

    def _read(self, reply: httpcore.Response, deadline: float) -> bytes:
        if reply.status != 200:
            raise UrlUnreadable(f"the host of the clip answered {reply.status}")
        declared = _header(reply, b"content-length")
        if declared.isdecimal() and int(declared[:20]) > self.max_bytes:
            raise self._too_large()
        data = bytearray()
        for piece in reply.iter_stream():
            data += piece
            if len(data) > self.max_bytes:
                raise self._too_large()
            if time.monotonic() > deadline:
                raise httpcore.ReadTimeout
        return bytes(data)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the clip at the URL is larger than {self.max_bytes} bytes")


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".").lower()


def _fits(entry: str, name: str) -> bool:
    entry = entry.lower()
    return name.endswith(entry) if entry.startswith(".") else name == entry


def _headers(url: str) -> list[tuple[str, str]]:
    # What is not compressed cannot unfold into something large.
    return [
        ("Host", urlsplit(url).netloc),
        ("Accept", "audio/*, */*;q=0.5"),
        ("Accept-Encoding", "identity"),
        ("User-Agent", "sovits-serve"),
    ]


def _header(reply: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in reply.headers if key.lower() == name), "")


class _CheckedNetwork(httpcore.NetworkBackend):
    """Resolves, checks every address, and connects to one that was checked."""

    def __init__(self, clips: RemoteClips, deadline: float) -> None:
        self._clips, self._deadline = clips, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = [ipaddress.ip_address(found) for found in self._clips.resolve(host, port)]
        if not addresses or not all(self._clips.permits(address) for address in addresses):
            raise UrlRefused("the host of the clip has no public address")
        stream = self._clips.network.connect_tcp(str(addresses[0]), port, _left(self._deadline))
        return _TimedStream(stream, self._deadline)

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise UrlRefused("clips are not read from sockets")


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every operation ends by the deadline, so that drops of bytes do not prolong it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _TimedStream(secure, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise httpcore.ReadTimeout
    return seconds
