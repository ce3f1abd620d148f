"""Which model the service loads, with real (tiny) checkpoints, and what it says while one is incomplete."""

import shutil
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.gptsovits.main import build_app
from services.gptsovits.settings import GptSovitsSettings
from tests.tiny import write_own, write_pair


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models: one of our own form, and an official pair with what it shares."""
    folder = tmp_path_factory.mktemp("models")
    write_pair(folder)
    write_own(folder / "mine")
    shutil.rmtree(folder / "mine" / "official")
    return folder


def health_of(settings: GptSovitsSettings) -> dict[str, object]:
    with TestClient(build_app(settings)) as client:
        deadline = time.monotonic() + 60
        while (health := client.get("/health").json())["status"] == "starting":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        found: dict[str, object] = health
        found["models"] = client.get("/models").json()["models"]
        return found


def settings_for(path: Path, **fields: object) -> GptSovitsSettings:
    return GptSovitsSettings(model_path=path, _env_file=None, **fields)  # type: ignore[arg-type]


def test_a_folder_of_our_own_form_is_one_model(models: Path) -> None:
    health = health_of(settings_for(models / "mine"))
    assert health["status"] == "ok", health
    assert health["model"]["id"] == "mine"  # type: ignore[index]
    listed = {model["id"]: model["loaded"] for model in health["models"]}  # type: ignore[attr-defined]
    assert listed == {"mine": True, "tiny": False}


def test_one_of_a_folder_of_models_is_chosen_by_name(models: Path) -> None:
    health = health_of(settings_for(models, model="tiny"))
    assert health["status"] == "ok", health
    assert health["model"]["id"] == "tiny"  # type: ignore[index]
    assert health["model"]["version"] == "v2"  # type: ignore[index]


def test_an_official_pair_is_named_by_its_files(models: Path) -> None:
    pair = {"t2s_path": models / "tiny.ckpt", "decoder_path": models / "tiny.pth", "assets_path": models}
    assert health_of(settings_for(models, **pair))["status"] == "ok"


def test_an_incomplete_model_says_what_it_lacks(models: Path, tmp_path: Path) -> None:
    for name in ("tiny.ckpt", "tiny.pth"):
        shutil.copy(models / name, tmp_path / name)
    health = health_of(settings_for(tmp_path))
    assert health["status"] == "unavailable"
    assert "chinese-hubert-base" in str(health["missing"])
    (listed,) = health["models"]  # type: ignore[misc]
    assert "chinese-hubert-base" in listed["problem"]


def test_a_damaged_model_is_said_to_be_damaged(models: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes((models / "mine" / "model.safetensors").read_bytes()[:5_000])
    health = health_of(settings_for(tmp_path))
    assert health["status"] == "unavailable"
    assert health["detail"]
