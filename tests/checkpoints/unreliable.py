"""A model hub on this machine that misbehaves on demand."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class Faults:
    """What goes wrong, each as often as its number says (per file); -1 is always."""

    errors_503: int = 0  # on GET
    head_errors: int = 0
    cuts: int = 0  # the connection ends after `cut_after` bytes
    cut_after: int = 1000
    wrong_bytes: int = 0
    ignores_range: bool = False  # answers 200 with everything
    wrong_range: int = 0  # answers 206 from another place
    range_without_content_range: int = 0
    refuses_range: bool = False  # answers 416
    too_many_bytes: int = 0
    wrong_total: int = 0
    tells_digest: bool = True
    tells_size: bool = True
    redirects: bool = True  # as the hub does, to where large files are
    retry_after: str | None = None


@dataclass
class UnreliableHub:
    files: dict[str, bytes]
    faults: Faults = field(default_factory=Faults)
    url: str = ""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, range
    sent_bytes: int = 0
    _used: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def happens(self, fault: str, path: str) -> bool:
        """Whether this is one of the times when `fault` strikes."""
        times = int(getattr(self.faults, fault))
        with self._lock:
            self._used[fault, path] += 1
            return times < 0 or self._used[fault, path] <= times

    def n_requests(self, method: str) -> int:
        return sum(made == method for made, _, _ in self.requests)


def _handler(hub: UnreliableHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            path = unquote(self.path)
            name = path.partition("/resolve/main/")[2] or path.removeprefix("/cdn/")
            hub.requests.append((self.command, name, self.headers.get("Range")))
            data = hub.files.get(name)
            if data is None:
                return self._empty(404)
            if hub.happens("errors_503" if with_body else "head_errors", name):
                return self._empty(
                    503, {"Retry-After": hub.faults.retry_after} if hub.faults.retry_after else {}
                )
            if hub.faults.redirects and not path.startswith("/cdn/"):
                return self._empty(302, {"Location": f"/cdn/{name}", **self._linked(data)})
            if not with_body:
                size = {"Content-Length": str(len(data))} if hub.faults.tells_size else {}
                return self._empty(200, {"ETag": '"tag"', **size}, close=not size)
            self._body(name, data)

        def _linked(self, data: bytes) -> dict[str, str]:
            found = {"X-Linked-Size": str(len(data))} if hub.faults.tells_size else {}
            if hub.faults.tells_digest:
                found["X-Linked-Etag"] = f'"{hashlib.sha256(data).hexdigest()}"'
            return found

        def _body(self, name: str, data: bytes) -> None:
            start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
            total = len(data) + (5 if hub.happens("wrong_total", name) else 0)
            if hub.happens("wrong_bytes", name):
                data = bytes(b ^ 1 for b in data)
            status, headers = 200, {}
            if start and hub.faults.refuses_range:
                return self._empty(416, {"Content-Range": f"bytes */{len(data)}"})
            if start and not hub.faults.ignores_range:
                status = 206
                if hub.happens("wrong_range", name):
                    start = max(1, start // 2)
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{total}"
                if hub.happens("range_without_content_range", name):
                    headers = {}
                data = data[start:]
            if hub.happens("too_many_bytes", name):
                data += b"more than there is"
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(data) if status == 206 else max(total, len(data))))
            self.end_headers()
            if hub.happens("cuts", name):
                data = data[: hub.faults.cut_after]
                self.close_connection = True
            elif total > len(data) and status == 200:
                self.close_connection = True
            hub.sent_bytes += len(data)
            self.wfile.write(data)

        def _empty(self, status: int, headers: dict[str, str] | None = None, *, close: bool = False) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            if "Content-Length" not in (headers or {}) and not close:
                self.send_header("Content-Length", "0")
            self.end_headers()
            self.close_connection = close

    return Handler


@contextmanager
def running(files: dict[str, bytes], faults: Faults | None = None) -> Iterator[UnreliableHub]:
    hub = UnreliableHub(files, faults or Faults())
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
