"""API keys at both services: what each route needs, quotas, and the gateway's own key."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute, Mount

from comps.cores import exchange
from comps.cores.errors import CorruptKeys, QuotaExceeded
from comps.cores.exchange import Exchange
from comps.cores.keys.file import change_keys
from comps.cores.keys.key import ApiKey, ApiKeys, Scope, digest
from comps.cores.trace import trace_of
from services.gptsovits.main import build_app as build_inference
from services.gptsovits.settings import GptSovitsSettings
from services.tts.jobs.connection import Database
from services.tts.main import build_app as build_gateway
from services.tts.quotas import DAY_SECONDS, Quotas
from services.tts.settings import GatewaySettings
from tests.services.clips import CLIP, served
from tests.services.fakes import FakeEngine
from tests.services.tts.conftest import wait_for

# What may be had without a key, and nothing else.
PUBLIC = {
    "/",
    "/health",
    "/v1/health_check",
    "/docs",
    "/docs/oauth2-redirect",
    "/openapi.json",
    "/docs-files/x",
    "/static/x",
}
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


def apps(tmp_path: Path) -> list[FastAPI]:
    return [
        build_inference(GptSovitsSettings(model_path=tmp_path, audio_path=tmp_path, _env_file=None)),
        build_gateway(GatewaySettings(output_path=tmp_path, audio_path=tmp_path, _env_file=None)),
    ]


def flat(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        router = getattr(route, "original_router", None)  # FastAPI keeps an included router as one
        yield from flat(router.routes) if router is not None else (route,)


def test_every_route_has_its_rule(tmp_path: Path) -> None:
    missing = []
    for app in apps(tmp_path):
        for route in flat(app.routes):
            path = route.path.replace("{", "").replace("}", "")  # type: ignore[attr-defined]
            if isinstance(route, Mount):
                path += "/x"
            methods = getattr(route, "methods", None) or {"GET"}
            for method in methods - {"OPTIONS"}:
                rule = app.state.access.rule_for(method, path)
                if rule is None:
                    missing.append(f"{app.title}: {method} {path}")
                elif rule.scope is None:
                    assert method in ("GET", "HEAD"), path
                    assert path in PUBLIC
                elif isinstance(route, APIRoute) and method in CHANGING:
                    assert rule.scope in (Scope.SPEAK, Scope.ADMIN), f"{method} {path}"
                elif isinstance(route, APIWebSocketRoute):
                    assert rule.scope is not Scope.READ, path
    assert missing == []


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    change_keys(
        path,
        lambda _: (
            ApiKey(name="reader", sha256=digest("reader"), scopes=(Scope.READ,)),
            ApiKey(name="speaker", sha256=digest("speaker")),
            ApiKey(name="boss", sha256=digest("boss"), scopes=(Scope.ADMIN,)),
            ApiKey(name="thrifty", sha256=digest("thrifty"), characters_a_day=20),
        ),
    )
    return path


Doors = Callable[[str | None], httpx.Client]


@pytest.fixture
def settings(tmp_path: Path, keys: Path) -> Iterator[GatewaySettings]:
    """Of a gateway with keys, in front of an inference service that only knows the gateway's."""
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "reference.wav").write_bytes(CLIP)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    inner = GptSovitsSettings(
        model_path=tmp_path / "model.safetensors",
        audio_path=tmp_path / "audio",
        api_keys=ApiKeys.dump_json((ApiKey(name="gateway", sha256=digest("inner")),)).decode(),
        _env_file=None,
    )
    with served(build_inference(inner, load=FakeEngine().loaded)) as url:
        wait_for(lambda: httpx.get(f"{url}/health").status_code == 200)
        assert httpx.post(f"{url}/tts", json={"text": "hi"}).status_code == 401
        yield GatewaySettings(
            gptsovits_url=url,
            gptsovits_key="inner",
            audio_path=tmp_path / "audio",
            output_path=tmp_path / "out",
            keys_file=keys,
            _env_file=None,
        )


@pytest.fixture
def door(settings: GatewaySettings) -> Iterator[Doors]:
    with served(build_gateway(settings)) as url:
        yield lambda secret: httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {secret}"} if secret else {}, timeout=30
        )


def test_each_scope_does_its_part_and_the_gateway_shows_its_own_key(door: Doors) -> None:
    nobody, reader, speaker, boss = map(door, (None, "reader", "speaker", "boss"))
    spoken = speaker.post("/tts", json={"text": "Hello."})
    assert spoken.status_code == 200, spoken.text
    job = f"/status/{spoken.headers['X-Job-Id']}"
    assert [client.get(job).status_code for client in (nobody, reader, speaker, boss)] == [401, 200, 200, 200]
    assert [
        client.post("/tts", json={"text": "Hello."}).status_code for client in (nobody, reader, boss)
    ] == [401, 403, 200]
    voice = {"files": {"audio": CLIP}}
    for client, name, status in ((reader, "a", 403), (speaker, "b", 403), (boss, "c", 201)):
        assert client.post("/voices", data={"name": name}, **voice).status_code == status
    assert nobody.get("/health").status_code == 200
    assert nobody.get("/").status_code == 200
    assert [client.get("/metrics").status_code for client in (nobody, reader)] == [401, 200]


def test_a_wrong_key_of_the_gateway_is_told_as_the_services_own_refusal(
    settings: GatewaySettings, tmp_path: Path
) -> None:
    wrong = settings.model_copy(update={"gptsovits_key": None, "output_path": tmp_path / "other"})
    with served(build_gateway(wrong)) as url:
        reply = httpx.post(
            f"{url}/tts", json={"text": "Hello."}, headers={"Authorization": "Bearer speaker"}, timeout=30
        )
    # The caller's key was good: a 401 would send them looking for another.
    assert (reply.status_code, reply.json()["code"]) == (502, "upstream_nonsense")


def test_a_revoked_key_stops_within_a_second(door: Doors, keys: Path) -> None:
    speaker = door("speaker")
    assert speaker.get("/status").status_code == 200
    change_keys(keys, lambda all_: tuple(key for key in all_ if key.name != "speaker"))
    wait_for(lambda: speaker.get("/status").status_code == 401, seconds=5)


def test_a_quota_counts_characters_and_survives_a_restart(settings: GatewaySettings) -> None:
    headers = {"Authorization": "Bearer thrifty"}

    def say(url: str, text: str) -> httpx.Response:
        return httpx.post(f"{url}/tts", json={"text": text}, headers=headers, timeout=30)

    with served(build_gateway(settings)) as url:
        assert say(url, "Twelve chars").status_code == 200
        assert say(url, "x" * 21).json()["code"] == "quota_exceeded"
        # What was refused for another reason costs nothing.
        refused = httpx.post(
            f"{url}/tts", json={"text": "eight ch", "voice": "nobody"}, headers=headers, timeout=30
        )
        assert refused.status_code == 404
    with served(build_gateway(settings)) as url:
        refused = say(url, "nine char")
        assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
        assert 0 < int(refused.headers["Retry-After"]) <= DAY_SECONDS
        openais = httpx.post(
            f"{url}/v1/audio/speech",
            json={"model": "tts-1", "input": "nine char", "voice": "default"},
            headers=headers,
            timeout=30,
        )
        assert (openais.status_code, openais.json()["error"]["code"]) == (429, "insufficient_quota")
        assert say(url, "eight ch").status_code == 200
        assert say(url, "x").status_code == 429


def test_requests_at_the_same_time_do_not_exceed_a_quota_together(door: Doors) -> None:
    thrifty = door("thrifty")
    with ThreadPoolExecutor(8) as pool:
        statuses = list(
            pool.map(lambda _: thrifty.post("/tts", json={"text": "four"}).status_code, range(12))
        )
    assert sorted(statuses) == [200] * 5 + [429] * 7


def test_a_new_day_is_a_new_quota(tmp_path: Path) -> None:
    clock = Clock()

    async def spend() -> list[bool]:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'q.db'}")
        await database.open()
        quotas = Quotas(database, CollectorRegistry(), clock=clock)
        here = Exchange(trace_of())
        here.caller = ApiKey(name="k", sha256=digest("k"), characters_a_day=10)
        exchange.current.set(here)
        passed = []
        for pause in (0, 0, DAY_SECONDS, 0, DAY_SECONDS):
            clock.now += pause
            try:
                async with quotas.charged("x" * 6):
                    passed.append(True)
            except QuotaExceeded:
                passed.append(False)
        try:
            async with quotas.charged("x" * 4):
                raise RuntimeError
        except RuntimeError:
            pass
        async with quotas.charged("x" * 4):  # given back
            passed.append(True)
        await database.close()
        return passed

    assert asyncio.run(spend()) == [True, False, True, False, True, True]


def test_the_inference_service_takes_no_quota_that_it_would_not_count(tmp_path: Path) -> None:
    key = ApiKey(name="thrifty", sha256=digest("x"), characters_a_day=1)
    keys = ApiKeys.dump_json((key,)).decode()
    with pytest.raises(CorruptKeys, match="only the gateway counts"):
        build_inference(GptSovitsSettings(model_path=tmp_path, api_keys=keys, _env_file=None))
