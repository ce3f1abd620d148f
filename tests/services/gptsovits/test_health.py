"""What `/health` and `/metrics` tell, and what the service does while it has no model."""

import pytest
from fastapi.testclient import TestClient

from comps.cores.errors import UnsupportedLanguage
from comps.cores.proto.health import ModelHealth
from services.gptsovits.languages import check_language, languages_of
from services.gptsovits.main import build_app
from services.gptsovits.settings import GptSovitsSettings
from tests.services.fakes import FakeEngine
from tests.services.gptsovits.conftest import ready, until


def test_health_tells_of_model_and_queue(client: TestClient) -> None:
    health = client.get("/health").json()
    assert health["status"] == "ok"
    assert health["model"]["id"] == "fake"
    assert health["model"]["languages"] == ["en"]
    assert health["queue"] == {"running": 0, "waiting": 0, "capacity": 32}


def test_health_tells_how_tokens_are_decoded_and_what_was_measured(client: TestClient) -> None:
    assert client.get("/health").json()["steps"] == {
        "form": "compiled, int8",
        "threads": [1, 2],
        "measured_ms": {"compiled, int8": [0.25, 1.5]},
    }


def test_health_lists_every_language_and_what_is_missing_for_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gptsovits.languages.is_installed", lambda code: code != "ko")
    languages = {each["code"]: each for each in client.get("/health").json()["languages"]}
    assert set(languages) == {"en", "zh", "ja", "ko", "yue"}
    assert languages["en"] == {"code": "en", "spoken": True}
    assert languages["ko"] == {"code": "ko", "spoken": False, "missing_extra": "ko"}


def test_a_language_whose_file_is_missing_is_refused_by_that_file_s_name() -> None:
    model = ModelHealth(
        id="pair",
        version="v2",
        fingerprint="f",
        languages=["en"],
        sample_rate=32_000,
        needs={"zh": "bert.bin"},
    )
    assert [each.missing_file for each in languages_of(model) if each.code == "zh"] == ["bert.bin"]
    with pytest.raises(UnsupportedLanguage, match=r"bert\.bin is missing"):
        check_language("all_zh", model)


def test_health_names_the_missing_file_and_recovers_when_it_appears(
    settings: GptSovitsSettings, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gptsovits.inference.LOOK_AGAIN_SECONDS", 0.02)
    missing = settings.model_path / "model.safetensors"
    missing.unlink()
    with TestClient(build_app(settings, load=engine.loaded)) as client:
        until(lambda: client.get("/health").json()["status"] == "unavailable")
        reply = client.get("/health")
        assert reply.status_code == 503
        assert reply.json()["status"] == "unavailable"
        assert reply.json()["missing"] == str(missing)
        refused = client.post("/tts", json={"text": "hello", "reference_audio": "reference.wav"})
        assert refused.status_code == 503
        assert refused.json()["code"] == "model_not_ready"
        assert int(refused.headers["Retry-After"]) >= 1
        missing.write_bytes(b"weights")
        ready(client)


def test_a_model_that_cannot_be_loaded_is_said_so(settings: GptSovitsSettings) -> None:
    def broken() -> None:
        raise RuntimeError("weights of /secret/place are odd")

    with TestClient(build_app(settings, load=broken)) as client:  # type: ignore[arg-type]
        until(lambda: client.get("/health").json()["status"] == "unavailable")
        health = client.get("/health")
        assert health.status_code == 503
        assert health.json()["status"] == "unavailable"
        assert "secret" not in health.text


def test_metrics_name_the_engine(client: TestClient) -> None:
    client.post("/tts", json={"text": "hi", "reference_audio": "reference.wav"})
    text = client.get("/metrics").text
    assert "gptsovits_ready 1.0" in text
    assert 'http_requests_total{method="POST",route="/tts",status="200"} 1.0' in text
