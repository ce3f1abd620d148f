"""`/set_gpt_weights` and `/set_sovits_weights` of api_v2.py of GPT-SoVITS, `/set_model` of its api.py."""

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from services.gptsovits.main import build_app
from services.gptsovits.settings import GptSovitsSettings
from tests.services.clips import served, voiced, wav
from tests.tiny import write_assets, write_decoder, write_own, write_t2s

SPOKEN = {
    "text": "The fox jumps.",
    "text_lang": "en",
    "ref_audio_path": "clip.wav",
    "prompt_text": "A hum, and no words.",
    "prompt_lang": "en",
    "seed": 3,
}
GPT, SOVITS = "/set_gpt_weights", "/set_sovits_weights"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models as the reference project's users have it, and files beside it."""
    work = tmp_path_factory.mktemp("work")
    models = write_assets(work / "models", "v2")
    for seed, name in enumerate(("alice", "bob")):
        write_t2s(models / f"GPT_weights_v2/{name}-e15.ckpt", seed=seed)
        write_decoder(models / f"SoVITS_weights_v2/{name}_e8_s96.pth", seed=seed)
    write_t2s(models / "GPT_weights/old-e15.ckpt", "v1", seed=7)
    write_decoder(models / "SoVITS_weights/old_e8_s96.pth", "v1", seed=7)
    (models / "mine").mkdir()
    shutil.copy(write_own(work / "own"), models / "mine" / "model.safetensors")
    (models / "broken.pth").write_text("<html>")
    outside = write_t2s(work / "elsewhere/outside-e1.ckpt", seed=9)
    (models / "GPT_weights_v2/link-e1.ckpt").symlink_to(outside)
    (work / "audio").mkdir()
    (work / "audio" / "clip.wav").write_bytes(wav(voiced(4.0)))
    return work


@contextmanager
def serving(work: Path) -> Iterator[httpx.Client]:
    settings = GptSovitsSettings(
        model_path=work / "models", model="alice_e8_s96", audio_path=work / "audio", _env_file=None
    )
    with served(build_app(settings)) as url, httpx.Client(base_url=url, timeout=60) as client:
        deadline = time.monotonic() + 60
        while client.get("/health").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield client


@pytest.fixture
def client(work: Path) -> Iterator[httpx.Client]:
    with serving(work) as client:
        yield client


@pytest.fixture(scope="module")
def refusing(work: Path) -> Iterator[httpx.Client]:
    """One service for all the tests that leave it as it is."""
    with serving(work) as client:
        yield client


def switched(client: httpx.Client, door: str, path: str) -> dict[str, str]:
    reply = client.get(door, params={"weights_path": path})
    assert reply.status_code == 200, reply.text
    told: dict[str, str] = reply.json()
    assert told["message"] == "success"
    return told


def speaks(client: httpx.Client, door: str = "/tts", **fields: object) -> str:
    """The model that a request in api_v2's words is spoken by."""
    reply = client.post(door, json={**SPOKEN, **fields})
    assert reply.status_code == 200, reply.text
    view = client.get(f"/speakers/{reply.headers['X-Speaker-Id']}").json()
    return str(view["model"])


def test_both_files_are_switched_one_after_the_other(client: httpx.Client) -> None:
    assert speaks(client) == "alice_e8_s96"
    mixed = switched(client, GPT, "GPT_weights_v2/bob-e15.ckpt")["model"]
    assert speaks(client) == mixed == "alice_e8_s96+bob-e15"
    assert switched(client, SOVITS, "SoVITS_weights_v2/bob_e8_s96.pth") == {
        "message": "success",
        "model": "bob_e8_s96",
    }
    assert speaks(client) == speaks(client, "/") == "bob_e8_s96"
    by_query = client.get("/tts", params=SPOKEN)
    assert client.get(f"/speakers/{by_query.headers['X-Speaker-Id']}").json()["model"] == "bob_e8_s96"
    loaded = {model["id"] for model in client.get("/models").json()["models"] if model["loaded"]}
    assert loaded == {"alice_e8_s96", "alice_e8_s96+bob-e15", "bob_e8_s96"}


def test_a_switch_is_for_the_reference_projects_words_alone(client: httpx.Client) -> None:
    switched(client, SOVITS, "SoVITS_weights/old_e8_s96.pth")
    assert speaks(client) == "old_e8_s96"
    assert speaks(client, model="bob_e8_s96") == "bob_e8_s96"
    assert client.get("/health").json()["model"]["id"] == "alice_e8_s96"
    ours = {"text": "The fox jumps.", "language": "en", "reference_audio": "clip.wav"}
    reply = client.post("/tts", json=ours)
    assert client.get(f"/speakers/{reply.headers['X-Speaker-Id']}").json()["model"] == "alice_e8_s96"
    # A voice of the default model still speaks by its id, whatever was switched to.
    by_id = client.post(
        "/tts", json={**ours, "reference_audio": None, "speaker_id": reply.headers["X-Speaker-Id"]}
    )
    assert by_id.content == reply.content or by_id.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "GPT_weights_v2/bob-e15.ckpt",
        "bob-e15.ckpt",
        "/workspace/GPT-SoVITS/GPT_weights_v2/bob-e15.ckpt",
        r"D:\GPT-SoVITS\GPT_weights_v2\bob-e15.ckpt",
        "bob_e8_s96",
    ],
)
def test_a_file_is_known_by_the_end_of_its_path_or_its_models_name(client: httpx.Client, path: str) -> None:
    assert switched(client, GPT, path)["model"] == "alice_e8_s96+bob-e15"


def test_a_t2s_of_another_version_waits_for_its_decoder(client: httpx.Client) -> None:
    told = switched(client, GPT, "GPT_weights/old-e15.ckpt")
    assert told["model"] == speaks(client) == "alice_e8_s96"
    assert "old-e15.ckpt" in told["warning"]
    assert switched(client, SOVITS, "SoVITS_weights/old_e8_s96.pth")["model"] == "old_e8_s96"
    assert speaks(client) == "old_e8_s96"


def test_a_decoder_of_another_version_comes_with_its_own_t2s(client: httpx.Client) -> None:
    assert switched(client, SOVITS, "SoVITS_weights/old_e8_s96.pth")["model"] == "old_e8_s96"
    # And back to what the service was started with.
    assert switched(client, SOVITS, "SoVITS_weights_v2/alice_e8_s96.pth")["model"] == "alice_e8_s96"
    assert speaks(client) == "alice_e8_s96"


def test_a_file_with_a_whole_model_is_both(client: httpx.Client) -> None:
    assert switched(client, GPT, "mine/model.safetensors")["model"] == "mine"
    assert switched(client, SOVITS, "mine/model.safetensors")["model"] == "mine"
    assert speaks(client) == "mine"


def test_the_older_api_sets_both_at_once(client: httpx.Client) -> None:
    both = {
        "gpt_model_path": "GPT_weights/old-e15.ckpt",
        "sovits_model_path": "SoVITS_weights/old_e8_s96.pth",
    }
    reply = client.post("/set_model", json=both)
    assert (reply.status_code, reply.json()) == (
        200,
        {"code": 0, "message": "Success", "model": "old_e8_s96"},
    )
    assert speaks(client) == "old_e8_s96"
    reply = client.get("/set_model", params={"sovits_model_path": "SoVITS_weights_v2/bob_e8_s96.pth"})
    assert reply.json()["model"] == "bob_e8_s96"
    crossed = both | {"sovits_model_path": "SoVITS_weights_v2/bob_e8_s96.pth"}
    for wrong in ({}, crossed):
        reply = client.post("/set_model", json=wrong)
        assert (reply.status_code, reply.json()["code"]) == (400, 400)
    assert speaks(client) == "bob_e8_s96"


@pytest.mark.parametrize("door", [GPT, SOVITS])
@pytest.mark.parametrize(
    "path",
    [
        "../elsewhere/outside-e1.ckpt",
        "GPT_weights_v2/../../elsewhere/outside-e1.ckpt",
        "elsewhere/outside-e1.ckpt",
        "GPT_weights_v2/link-e1.ckpt",
        "/etc/passwd",
        "nowhere.ckpt",
        "broken.pth",
        "\0",
        "x" * 5_000,
    ],
)
def test_nothing_but_good_weights_inside_the_folder_is_switched_to(
    refusing: httpx.Client, door: str, path: str
) -> None:
    reply = refusing.get(door, params={"weights_path": path})
    assert reply.status_code == 400, reply.text
    assert reply.json()["message"] == f"change {'gpt' if door == GPT else 'sovits'} weight failed"
    assert reply.json()["Exception"]
    assert len(reply.content) < 1_000
    assert speaks(refusing) == "alice_e8_s96"


def test_the_two_kinds_are_told_apart_and_a_path_is_required(refusing: httpx.Client) -> None:
    decoder = refusing.get(GPT, params={"weights_path": "alice_e8_s96.pth"})
    assert "not a T2S file" in decoder.json()["Exception"]
    t2s = refusing.get(SOVITS, params={"weights_path": "alice-e15.ckpt"})
    assert "not a decoder file" in t2s.json()["Exception"]
    for door, kind in ((GPT, "gpt"), (SOVITS, "sovits")):
        for params in ({}, {"weights_path": " "}):
            reply = refusing.get(door, params=params)
            assert (reply.status_code, reply.json()["message"]) == (400, f"{kind} weight path is required")


def test_requests_under_way_keep_the_model_and_voice_they_began_with(client: httpx.Client) -> None:
    """Every reply while others switch back and forth is one model's, from its first sample to its last."""
    long = {**SPOKEN, "text": "The fox jumps. " * 8, "streaming_mode": True}
    pure = {"alice_e8_s96": client.post("/tts", json=long).content}
    for door, path in ((GPT, "bob-e15.ckpt"), (SOVITS, "bob_e8_s96.pth")):
        model = switched(client, door, path)["model"]
        pure[model] = client.post("/tts", json=long).content
    assert len(set(pure.values())) == 3
    decoders = [f"{name}_e8_s96.pth" for name in ("alice", "bob")]
    with ThreadPoolExecutor(4) as pool:
        replies = []
        for index in range(6):
            replies.append(pool.submit(client.post, "/tts", json=long))
            switched(client, SOVITS, decoders[index % 2])
    for reply in (future.result() for future in replies):
        assert reply.status_code == 200
        model = client.get(f"/speakers/{reply.headers['X-Speaker-Id']}").json()["model"]
        assert reply.content == pure[model]


def test_a_pair_that_lost_a_file_is_gone(work: Path, client: httpx.Client) -> None:
    file = write_t2s(work / "models/GPT_weights_v2/short-e1.ckpt", seed=5)
    assert switched(client, GPT, "short-e1.ckpt")["model"] == "alice_e8_s96+short-e1"
    os.unlink(file)
    reply = client.post("/tts", json=SPOKEN)
    assert reply.status_code == 400, reply.text
    assert switched(client, SOVITS, "bob_e8_s96.pth")["model"] == "bob_e8_s96"
    assert speaks(client) == "bob_e8_s96"
