"""One engine, several models: chosen by the request, loaded beside running speech, let go again."""

import asyncio
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from comps.cores.errors import ModelNotFound, ProfileMismatch
from comps.gptsovits.checkpoints import loaded
from comps.gptsovits.checkpoints.loaded import Models
from comps.gptsovits.engine import Engine, SpeechOptions, SpeechRequest
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice
from tests.engine.small import clip
from tests.tiny import write_own

TEXT = "The quick brown fox."
OPTIONS = SpeechOptions(language="en", n_tokens=12, seed=1, sample_steps=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, of 32 and of 48 kHz."""
    folder = tmp_path_factory.mktemp("models")
    for name, version in (("alice", "v2"), ("bob", "v4")):
        path = write_own(tmp_path_factory.mktemp("work"), version)
        (folder / name).mkdir()
        shutil.copy(path, folder / name / "model.safetensors")
    return folder


async def voice_of(engine: Engine, model: str | None) -> Voice:
    return (await engine.profile(clip(0), text="A hum, and no words.", language="en", model=model)).voice


async def seconds_of(engine: Engine, voice: Voice, model: str | None) -> tuple[int, int]:
    """Rate and samples of one sentence."""
    handle = await engine.submit(SpeechRequest(text=TEXT, voice=voice, options=OPTIONS, model=model))
    return handle.sample_rate, sum([len(chunk.samples) async for chunk in handle])


def test_requests_in_two_models_are_served_together(root: Path) -> None:
    async def scenario() -> None:
        with Engine(Models(root, default="alice")) as engine:
            alice, bob = await voice_of(engine, None), await voice_of(engine, "bob")
            results = await asyncio.gather(
                *(seconds_of(engine, voice, name) for voice, name in [(alice, None), (bob, "bob")] * 2)
            )
            assert {rate for rate, _ in results} == {32_000, 48_000}
            assert results[0] == results[2]
            with pytest.raises(ProfileMismatch):
                await seconds_of(engine, alice, "bob")
            with pytest.raises(ModelNotFound):
                await seconds_of(engine, alice, "carol")

    asyncio.run(scenario())


def test_speech_goes_on_while_another_model_is_loaded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, may_go_on = loaded.load_model, threading.Event()

    def slow(path: Path, **options: Any) -> Model:
        if options["model_id"] == "bob":
            may_go_on.wait(30)
        return real(path, **options)

    monkeypatch.setattr(loaded, "load_model", slow)

    async def scenario() -> None:
        with Engine(Models(root, default="alice")) as engine:
            alice = await voice_of(engine, None)
            waiting = [asyncio.create_task(voice_of(engine, "bob")) for _ in range(4)]
            rate, n_samples = await seconds_of(engine, alice, None)
            assert (rate, n_samples > 0) == (32_000, True)
            assert not any(task.done() for task in waiting)
            may_go_on.set()
            assert len({voice.id for voice in await asyncio.gather(*waiting)}) == 1

    asyncio.run(scenario())


def test_a_model_that_is_let_go_frees_its_lane_when_its_last_request_is_done(root: Path) -> None:
    async def scenario() -> None:
        models = Models(root, default="alice", max_bytes=1, dropped=lambda model: engine.forget(model))
        engine = Engine(models)
        with engine:
            alice = await voice_of(engine, None)
            speaking = asyncio.create_task(seconds_of(engine, alice, None))
            await asyncio.sleep(0)
            bob = await voice_of(engine, "bob")  # alice has to go
            assert models.loaded_ids() == ["bob"]
            assert (await speaking)[0] == 32_000
            await seconds_of(engine, bob, "bob")
            assert set(engine._worker._lanes) == {bob.fingerprint}

    asyncio.run(scenario())
