"""Clips become voices."""

import numpy as np
import pytest

from comps.cores.audio.waveform import Waveform
from comps.cores.errors import SilentAudio
from comps.gptsovits.engine import Engine
from comps.gptsovits.model import Model
from comps.gptsovits.voice import Voice
from tests.engine.asking import in_engine
from tests.engine.small import clip


def test_profiles_are_the_same_bytes_for_the_same_clip(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        again = await engine.profile(clip(1), text="A hum, and no words.")
        assert again.voice.to_bytes() == voices[1].to_bytes()
        assert again.voice.has_prompt
        assert not voices[0].has_prompt
        assert voices[0].id != voices[2].id

    in_engine(model, body)


def test_profiles_report_what_was_done_to_the_clip(model: Model) -> None:
    async def body(engine: Engine) -> None:
        short = await engine.profile(clip(seconds=1.0))
        assert "padded" in short.warnings[0]
        long = await engine.profile(clip(seconds=20.0), text="These are the words of twenty seconds.")
        assert any("s is used" in warning for warning in long.warnings)
        assert any("transcript" in warning for warning in long.warnings)
        assert not long.voice.has_prompt
        assert long.voice.seconds <= 10.0
        with pytest.raises(SilentAudio):
            await engine.profile(Waveform(np.zeros(80_000, np.float32), 16_000))

    in_engine(model, body)


def test_auxiliary_clips_move_the_style_and_not_the_prompt(model: Model, voices: list[Voice]) -> None:
    async def body(engine: Engine) -> None:
        made = (await engine.profile(clip(1), text="A hum, and no words.", aux=[clip(5), clip(7)])).voice
        assert np.array_equal(made.prompt_tokens, voices[1].prompt_tokens)
        mean = np.mean([voices[i].style for i in (1, 5, 7)], axis=0)
        np.testing.assert_allclose(made.style, mean, atol=1e-5)

    in_engine(model, body)
