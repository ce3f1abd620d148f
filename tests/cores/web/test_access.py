import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import APIRouter, WebSocket
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from starlette.websockets import WebSocketDisconnect

from comps.cores.keys.key import ApiKey, ApiKeys, Scope, digest
from comps.cores.keys.ring import KeyRing
from comps.cores.settings.base import ServiceSettings
from comps.cores.web.access import host_of, presented_key, rule
from comps.cores.web.app import create_app

router = APIRouter()


@router.get("/open")
@router.get("/looks")
@router.post("/speaks")
@router.post("/v1/speaks")
@router.post("/changes")
@router.get("/forgotten")
async def answer() -> dict[str, str]:
    return {"said": "yes"}


@router.websocket("/v1/talk")
async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("yes")
    await socket.close()


RULES = (
    rule(None, "/open", "GET"),
    rule(Scope.READ, "/looks", "GET"),
    rule(Scope.SPEAK, "/speaks|/v1/speaks|/v1/talk"),
)
KEYS = {
    "reader": ApiKey(name="reader", sha256=digest("r"), scopes=(Scope.READ,)),
    "speaker": ApiKey(name="speaker", sha256=digest("s"), scopes=(Scope.SPEAK,)),
    "boss": ApiKey(name="boss", sha256=digest("b"), scopes=(Scope.ADMIN,)),
    "hasty": ApiKey(name="hasty", sha256=digest("h"), scopes=(Scope.SPEAK,), requests_a_minute=3),
    "former": ApiKey(name="former", sha256=digest("f"), revoked=datetime.now(UTC)),
}


def app_with(*names: str, **settings: object) -> TestClient:
    keys = ApiKeys.dump_json(tuple(KEYS[name] for name in names)).decode()
    app = create_app(
        "test",
        routers=[router],
        lifespan=None,
        registry=CollectorRegistry(),
        settings=ServiceSettings(_env_file=None, **settings),
        rules=RULES,
        ring=KeyRing(keys),
    )
    return TestClient(app)


@pytest.fixture
def closed() -> TestClient:
    return app_with(*KEYS)


def bearing(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_without_any_key_everything_is_open() -> None:
    client = app_with()
    assert client.get("/looks").status_code == 200
    assert client.post("/changes").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "good", "bad"),
    [
        ("GET", "/looks", "rsb", ""),
        ("POST", "/speaks", "sb", "r"),
        ("POST", "/changes", "b", "rs"),  # no rule thinks of it
        ("GET", "/forgotten", "b", "rs"),
        ("GET", "/nowhere", "", "rs"),
    ],
)
def test_a_key_opens_what_its_scope_contains(
    closed: TestClient, method: str, path: str, good: str, bad: str
) -> None:
    for secret in good:
        assert closed.request(method, path, headers=bearing(secret)).status_code == 200
    for secret in bad:
        refused = closed.request(method, path, headers=bearing(secret))
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert closed.request(method, path).status_code == 401


def test_what_is_for_anybody_needs_no_key_and_minds_no_wrong_one(closed: TestClient) -> None:
    assert closed.get("/open").status_code == 200
    assert closed.get("/open", headers=bearing("nonsense")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer s"},
        {"Authorization": "bearer  s "},
        {"X-API-Key": "s"},
        {"xi-api-key": "s"},
    ],
)
def test_a_key_may_come_in_any_header_that_clients_use(closed: TestClient, headers: dict[str, str]) -> None:
    assert closed.post("/speaks", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "key_missing"),
        ({"Authorization": "Basic cw=="}, "key_missing"),
        ({"Authorization": "Bearer "}, "key_missing"),
        (bearing("x"), "key_wrong"),
        (bearing("f"), "key_wrong"),
        (bearing(digest("s")), "key_wrong"),
        (bearing("s" * 10_000), "key_wrong"),
        ({"Authorization": b"Bearer \xff\xfe"}, "key_wrong"),
    ],
)
def test_a_missing_or_wrong_key_is_401_with_a_problem(
    closed: TestClient, headers: dict[str, str], code: str
) -> None:
    refused = closed.post("/speaks", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, code)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["request_id"] == refused.headers["x-request-id"]


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({}, 401, ("authentication_error", "invalid_api_key")),
        (bearing("r"), 403, ("permission_error", "insufficient_permissions")),
    ],
)
def test_openais_clients_read_their_own_form(
    closed: TestClient, headers: dict[str, str], status: int, error: tuple[str, str]
) -> None:
    refused = closed.post("/v1/speaks", headers=headers)
    assert refused.status_code == status
    told = refused.json()["error"]
    assert (told["type"], told["code"]) == error


def test_a_key_has_its_rate_and_is_told_when_to_come_again(closed: TestClient) -> None:
    statuses = [closed.post("/speaks", headers=bearing("h")).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = closed.post("/v1/speaks", headers=bearing("h"))
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert 0 < int(refused.headers["retry-after-ms"]) <= 20_000
    assert closed.post("/speaks", headers=bearing("s")).status_code == 200


def test_a_socket_needs_a_key_too(closed: TestClient) -> None:
    for headers in (
        {"Authorization": "Bearer s"},
        {"Sec-WebSocket-Protocol": "x, openai-insecure-api-key.s"},
    ):
        with closed.websocket_connect("/v1/talk", headers=headers) as socket:
            assert socket.receive_text() == "yes"
    with pytest.raises(WebSocketDisconnect), closed.websocket_connect("/v1/talk"):
        pass


def test_a_page_of_another_origin_may_not_act_but_is_free_to_look_where_it_cannot_see() -> None:
    client = app_with()
    elsewhere = {"Origin": "https://evil.example"}
    assert client.get("/looks", headers=elsewhere).headers.get("access-control-allow-origin") is None
    for headers in (elsewhere, {"Origin": "null"}, {"Origin": "http://testserver.evil.example"}):
        refused = client.post("/changes", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "origin_refused")
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/v1/talk", headers=elsewhere):
        pass
    assert client.post("/changes", headers={"Origin": "http://testserver"}).status_code == 200
    assert client.post("/changes").status_code == 200


def test_an_allowed_origin_may_act_and_read_the_reply_refusals_included() -> None:
    origin = {"Origin": "https://app.example"}
    client = app_with("speaker", cors_origins="https://app.example, https://b.example")
    preflight = client.options(
        "/speaks",
        headers={
            **origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == origin["Origin"]
    reply = client.post("/speaks", headers={**origin, **bearing("s")})
    assert reply.status_code == 200
    assert "X-Job-Id" in reply.headers["access-control-expose-headers"]
    refused = client.post("/speaks", headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin["Origin"]
    other = client.post("/speaks", headers={"Origin": "https://c.example", **bearing("s")})
    assert other.status_code == 403
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("speech.example", 200),
        ("SPEECH.example:8001", 200),
        ("a.b.example", 200),
        ("b.example", 403),
        ("evil.example", 403),
        ("", 403),
    ],
)
def test_only_allowed_names_are_answered(host: str, status: int) -> None:
    client = app_with(allowed_hosts="speech.example .b.example")
    assert client.get("/looks", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("header", "name"),
    [("a.example:80", "a.example"), ("[::1]:80", "::1"), ("127.0.0.1", "127.0.0.1"), ("A.", "a"), ("", "")],
)
def test_the_host_is_read_without_its_port(header: str, name: str) -> None:
    assert host_of(header) == name


def test_a_key_is_not_taken_from_the_address() -> None:
    assert presented_key({"host": "h", "referer": "?key=s"}) is None


@pytest.fixture
def page() -> Iterator[TestClient]:
    with app_with() as client:
        yield client


def test_replies_tell_browsers_to_run_nothing_in_them(page: TestClient) -> None:
    for path in ("/looks", "/nowhere", "/metrics"):
        headers = page.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    docs = page.get("/docs")
    assert "default-src 'self'" in docs.headers["content-security-policy"]
    assert json.loads(page.get("/openapi.json").text)["info"]["title"] == "test"


def test_invented_methods_and_paths_are_one_row_of_figures(page: TestClient) -> None:
    for n in range(5):
        assert page.request(f"INVENTED{n}", f"/nowhere/{n}").status_code in (404, 405)
    text = page.get("/metrics").text
    assert "INVENTED" not in text
    assert "/nowhere" not in text
    assert 'http_requests_total{method="OTHER",route="unmatched",status="404"} 5.0' in text


def test_a_service_for_others_does_not_start_without_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from comps.cores.web.server import guarded
    from services.tts.settings import GatewaySettings

    def settings(**fields: object) -> GatewaySettings:
        return GatewaySettings(_env_file=None, output_path=tmp_path, **fields)  # type: ignore[arg-type]

    for host in ("0.0.0.0", "::", "192.168.1.5", "speech.example"):
        with pytest.raises(SystemExit) as ended:
            guarded(settings(host=host), None)
        assert ended.value.code == 78
        told = capsys.readouterr().err
        assert all(name in told for name in ("TTS_HOST", "keys add", "TTS_ALLOW_ANONYMOUS"))
        assert guarded(settings(host=host, allow_anonymous=True), None).allowed_hosts == ()
        keys = ApiKeys.dump_json((KEYS["reader"],)).decode()
        assert guarded(settings(host=host, api_keys=keys), None).host == host

    # On loopback it starts, and answers to loopback's own names only: who gives another name to this address
    # would get their pages in.
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        assert "localhost" in guarded(settings(host=host), None).allowed_hosts
    assert guarded(settings(host="127.0.0.1", allowed_hosts="a.example"), None).allowed_hosts == (
        "a.example",
    )
