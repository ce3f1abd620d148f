"""What a request may send, against a real server and by hand where a library would be too polite."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from comps.cores.keys.key import ApiKey, ApiKeys, digest
from comps.cores.keys.ring import KeyRing
from comps.cores.settings.base import ServiceSettings
from comps.cores.web.app import create_app
from comps.cores.web.bodies import MAX_FIELDS, MAX_FILES, MAX_JSON_PARTS, read_body
from comps.cores.web.server import Patience, patient

router = APIRouter()
KIB = 1024


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


@router.post("/take")
async def take(request: Request) -> dict[str, int]:
    return {"n": len(await request.body())}


@router.post("/read")
async def read(request: Request) -> dict[str, int]:
    body, uploads = await read_body(request, Anything)
    return {"fields": len(body.model_extra or {}), "files": sum(map(len, uploads.files.values()))}


@router.post("/hold")
async def hold(request: Request) -> dict[str, int]:
    n = len(await request.body())
    while not await request.is_disconnected():
        pass
    return {"n": n}


@contextmanager
def serving(*, keys: str | None = None, http: type | None = None, **limits: object) -> Iterator[int]:
    settings = ServiceSettings(_env_file=None, **{"max_body_bytes": 64 * KIB, **limits})
    app = create_app(
        "test",
        routers=[router],
        lifespan=None,
        registry=CollectorRegistry(),
        settings=settings,
        rules=(),
        ring=KeyRing(keys),
    )
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http=http or patient(settings.max_header_seconds),
        timeout_keep_alive=1,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


@contextmanager
def dialled(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        yield connection


def answer(connection: socket.socket) -> bytes:
    """All that is said until the connection is closed."""
    said = bytearray()
    while piece := connection.recv(65_536):
        said += piece
    return bytes(said)


HEAD = b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize("protocol", [H11Protocol, HttpToolsProtocol])
def test_who_connects_and_asks_for_nothing_is_hung_up_on(protocol: type) -> None:
    http = type("Protocol", (Patience, protocol), {"header_seconds": 0.3})
    with serving(http=http) as port:
        for said in (b"", b"POST /take HTTP/1.1\r\nX-Slow: a"):
            began = time.monotonic()
            with dialled(port) as connection:
                connection.sendall(said)
                assert answer(connection) == b""
            assert 0.2 < time.monotonic() - began < 5


def test_who_asks_in_time_may_take_as_long_as_the_reply_takes() -> None:
    with serving(max_header_seconds=0.2) as port, dialled(port) as connection:
        connection.sendall(HEAD + bytes(50))
        time.sleep(0.5)
        connection.sendall(bytes(50))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_a_body_that_comes_too_slowly_is_given_up_with_408() -> None:
    with serving(max_body_seconds=0.4) as port, dialled(port) as connection:
        connection.sendall(HEAD)
        for _ in range(4):  # a drop now and then does not help
            connection.sendall(b"x")
            time.sleep(0.15)
        said = answer(connection)
    assert said.startswith(b"HTTP/1.1 408")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "body_too_slow"


def test_a_body_is_measured_as_it_comes_and_by_what_it_declares() -> None:
    big = bytes(65 * KIB)
    with serving() as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for content in (big, iter([big[:30_000], big[30_000:]])):
            refused = client.post("/take", content=content)
            assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
        assert client.post("/take", content=big[: 64 * KIB]).json() == {"n": 64 * KIB}


@pytest.mark.parametrize("length", ["99999999999999999999999999", "-1", "x", "1_0", "٣"])
def test_any_declared_length_has_a_clean_answer(length: str) -> None:
    with serving() as port, dialled(port) as connection:
        request = f"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode() + b"x")
        connection.shutdown(socket.SHUT_WR)
        assert answer(connection)[:12] in (b"HTTP/1.1 413", b"HTTP/1.1 400")


def test_bodies_of_all_requests_together_are_bounded_and_given_back() -> None:
    with serving(max_bodies_bytes=100 * KIB) as port:
        url = f"http://127.0.0.1:{port}"
        with dialled(port) as first:
            first.sendall(
                b"POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 61440\r\n\r\n" + bytes(60 * KIB)
            )
            time.sleep(0.2)
            refused = httpx.post(f"{url}/take", content=bytes(60 * KIB))
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert refused.headers["Retry-After"]
            assert httpx.post(f"{url}/take", content=bytes(20 * KIB)).status_code == 200
        deadline = time.monotonic() + 10
        while httpx.post(f"{url}/take", content=bytes(60 * KIB)).status_code != 200:
            assert time.monotonic() < deadline
        assert "http_bodies_bytes 0.0" in httpx.get(f"{url}/metrics").text


def test_a_client_that_is_refused_while_it_sends_gets_to_read_why() -> None:
    keys = ApiKeys.dump_json((ApiKey(name="a", sha256=digest("s")),)).decode()
    with serving(keys=keys, max_body_bytes=32 * KIB * KIB) as port:
        for _ in range(5):
            refused = httpx.post(f"http://127.0.0.1:{port}/take", content=bytes(8 * KIB * KIB), timeout=20)
            assert (refused.status_code, refused.json()["code"]) == (401, "key_missing")


def parts(n: int, *, of_files: bool) -> list[tuple[str, tuple[str | None, bytes]]]:
    return [(f"f{index}", ("x.wav" if of_files else None, b"1")) for index in range(n)]


def test_forms_have_so_many_fields_and_files_and_no_more() -> None:
    with serving() as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for of_files, most in ((False, MAX_FIELDS), (True, MAX_FILES)):
            assert client.post("/read", files=parts(most, of_files=of_files)).status_code == 200
            refused = client.post("/read", files=parts(most + 1, of_files=of_files))
            assert refused.status_code == 400
            assert refused.headers["content-type"] == "application/problem+json"
        assert client.post("/read", data={f"f{n}": "1" for n in range(MAX_FIELDS)}).status_code == 200
        assert client.post("/read", data={f"f{n}": "1" for n in range(MAX_FIELDS + 1)}).status_code == 400


def test_json_that_would_unfold_is_refused_before_it_is_read() -> None:
    with (
        serving(max_body_bytes=1024 * KIB) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        for bomb in ("[]," * MAX_JSON_PARTS, "{}," * MAX_JSON_PARTS, '"",' * (MAX_JSON_PARTS + 1)):
            refused = client.post("/read", json=None, content=f'{{"a": [{bomb}1]}}', headers=KIND)
            assert refused.status_code == 400
        deep = client.post("/read", content='{"a":' + "[" * 50_000 + "]" * 50_000 + "}", headers=KIND)
        assert deep.status_code == 400
        number = client.post("/read", content='{"a": ' + "9" * 10_000 + "}", headers=KIND)
        assert number.status_code == 400


KIND = {"Content-Type": "application/json"}
