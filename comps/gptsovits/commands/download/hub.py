"""The model hub over HTTP: what it says of a file, and its bytes from any place on.

`huggingface_hub` can do this too, but takes its mirror from the environment, keeps files in a cache of its
own layout and trusts what a proxy makes of a Range; so the few requests are made here.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from comps.cores.errors import SovitsError
from comps.gptsovits.commands.download.manifest import RemoteFile

HUB = "https://huggingface.co"
TIMEOUT = httpx.Timeout(30.0, connect=15.0)
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_MAX_REDIRECTS = 5


class DownloadFailed(SovitsError):
    code = "download_failed"
    title = "The file could not be downloaded"


class Interrupted(DownloadFailed):
    """May go better when tried again; `retry_after` is what the server asked for, in seconds."""

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class NotThere(DownloadFailed):
    """The hub does not have the file."""


@dataclass(frozen=True)
class RemoteFacts:
    """What the hub says of a file. None where it says nothing."""

    url: str
    size: int | None = None
    sha256: str | None = None
    etag: str | None = None


@dataclass(frozen=True)
class Body:
    """The bytes of a file from `start` on; `total` is the whole file's size, if it is said."""

    start: int
    total: int | None
    chunks: Iterator[bytes]


class Hub:
    """`base` is the hub or a mirror of the same layout: `base/REPOSITORY/resolve/REVISION/PATH`."""

    def __init__(self, base: str = HUB, *, revision: str = "main") -> None:
        self.base = base.rstrip("/")
        self._revision = revision
        self._client = httpx.Client(timeout=TIMEOUT, headers={"User-Agent": "sovits-serve"})

    def close(self) -> None:
        self._client.close()

    def facts(self, file: RemoteFile) -> RemoteFacts:
        """Of the first source that has the file. Raises `NotThere`, `Interrupted` or `DownloadFailed`."""
        for repository, path in file.sources:
            url = f"{self.base}/{repository}/resolve/{self._revision}/{quote(path)}"
            try:
                return self._facts(url)
            except NotThere:
                continue
        raise NotThere(f"{self.base} has no {file.path}")

    def _facts(self, url: str) -> RemoteFacts:
        # The hub tells the digest of a large file in its first answer, before it redirects to the file.
        size, sha256, etag = None, None, None
        where = url
        for _ in range(_MAX_REDIRECTS):
            response = self._head(where)
            size = size if size is not None else _integer(response.headers.get("X-Linked-Size"))
            linked = _etag(response.headers.get("X-Linked-Etag"))
            if sha256 is None and linked is not None and _SHA256.match(linked):
                sha256 = linked
            etag = etag or linked
            if not response.is_redirect:
                size = size if size is not None else _integer(response.headers.get("Content-Length"))
                return RemoteFacts(url, size, sha256, etag or _etag(response.headers.get("ETag")))
            where = self._redirected(response)
        raise DownloadFailed(f"{url} redirects without end")

    def _head(self, url: str) -> httpx.Response:
        try:
            response = self._client.head(url, follow_redirects=False, headers={"Accept-Encoding": "identity"})
        except httpx.HTTPError as error:
            raise Interrupted(f"{url} cannot be reached: {_reason(error)}") from error
        _check(response, url)
        return response

    def _redirected(self, response: httpx.Response) -> str:
        target = response.next_request
        if target is None:
            raise DownloadFailed(f"{response.url} redirects to nowhere")
        if self.base.startswith("https:") and target.url.scheme != "https":
            raise DownloadFailed(f"{response.url} redirects to an unencrypted address")
        return str(target.url)

    @contextmanager
    def body(self, facts: RemoteFacts, start: int) -> Iterator[Body]:
        """The bytes from `start` on, or from 0 where the server does not do as asked: `Body.start` says."""
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        where = facts.url
        try:
            for _ in range(_MAX_REDIRECTS):
                with self._client.stream("GET", where, headers=headers, follow_redirects=False) as response:
                    if response.is_redirect:
                        where = self._redirected(response)
                        continue
                    if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                        yield Body(0, _total(response), iter(()))
                        return
                    _check(response, facts.url)
                    # As they come: chunks of a fixed size would be lost half-filled when the line is cut.
                    yield Body(*_extent(response), response.iter_raw())
                    return
        except httpx.HTTPError as error:
            raise Interrupted(f"{facts.url} broke off: {_reason(error)}") from error
        raise DownloadFailed(f"{facts.url} redirects without end")


def _check(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if response.is_success or response.is_redirect:
        return
    if status == httpx.codes.NOT_FOUND:
        raise NotThere(f"{url} does not exist")
    if status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT) or status >= 500:
        wait = _integer(response.headers.get("Retry-After"))
        raise Interrupted(f"{url} answered {status}", retry_after=float(wait) if wait is not None else None)
    raise DownloadFailed(f"{url} answered {status}")


def _extent(response: httpx.Response) -> tuple[int, int | None]:
    """Where the body begins and how large the whole is. A server may ignore a Range, or serve another."""
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        found = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found is None:
            raise Interrupted(f"{response.url} answered a range without saying which")
        return int(found[1]), None if found[2] == "*" else int(found[2])
    return 0, _integer(response.headers.get("Content-Length"))


def _total(response: httpx.Response) -> int | None:
    found = re.match(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdigit() else None


def _etag(text: str | None) -> str | None:
    return text.removeprefix("W/").strip('"') if text else None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
