"""Every model version goes through the same engine."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import torch

from comps.cores.errors import InvalidOption
from comps.gptsovits.engine import Engine, SpeechOptions, SpeechRequest
from comps.gptsovits.engine.sampling import MIN_TOKENS
from comps.gptsovits.engine.synthesis import cfm_parts
from comps.gptsovits.engine.windows import sounded
from comps.gptsovits.networks.cfm import chunks
from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.text.registry import is_installed
from tests.engine.small import clip
from tests.tiny import tiny_model

VERSIONS = ("v1", "v2", "v2Pro", "v2ProPlus", "v3", "v4")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_speaks_the_same_alone_and_together(version: str, stream: bool, tmp_path: Path) -> None:
    model = tiny_model(tmp_path, version)

    async def main() -> None:
        with Engine(model) as engine:
            voice = (await engine.profile(clip(), text="A hum, and no words.")).voice
            options = SpeechOptions(seed=3, n_tokens=20, sample_steps=2, speed=1.0, stream=stream)

            async def speak(text: str) -> np.ndarray:
                handle = await engine.submit(SpeechRequest(text, voice, options))
                assert handle.sample_rate == model.sample_rate
                return np.concatenate([chunk.samples async for chunk in handle])

            texts = ["One sentence.", "Another one."]
            alone = [await speak(text) for text in texts]
            together = await asyncio.gather(*(speak(text) for text in texts))
            for one, other in zip(alone, together, strict=True):
                assert np.array_equal(one, other)
                assert abs(len(one) - 20 * model.samples_per_token) <= 0.02 * model.sample_rate

    asyncio.run(main())


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_a_model_that_continues_its_clip_needs_the_transcript(version: str, tmp_path: Path) -> None:
    model = tiny_model(tmp_path, version)

    async def main() -> None:
        with Engine(model) as engine, pytest.raises(InvalidOption, match="transcript"):
            await engine.profile(clip())

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("text", "language"), [("好", "zh"), ("五", "zh"), ("Hi.", "en"), ("5", "en"), ("は", "ja")]
)
def test_one_character_speaks(text: str, language: str, stream: bool, tmp_path: Path) -> None:
    if not is_installed(language):
        pytest.skip(f"the extra {language} is not installed")
    model = tiny_model(tmp_path, "v2")
    model.languages = ("en", "zh", "ja")

    async def main() -> None:
        with Engine(model) as engine:
            voice = (await engine.profile(clip(), text="A hum, and no words.")).voice
            options = SpeechOptions(language=language, seed=3, stream=stream)
            handle = await engine.submit(SpeechRequest(text, voice, options))
            samples = np.concatenate([chunk.samples async for chunk in handle])
            assert len(samples) >= MIN_TOKENS * model.samples_per_token
            assert np.abs(samples).max() > 0

    asyncio.run(main())


@pytest.mark.parametrize("version", ["v3", "v4"])
@torch.inference_mode()
def test_flow_matching_is_heard_chunk_by_chunk(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model(tmp_path, version)
    decoder = model.decoder
    assert isinstance(decoder, CfmDecoder)
    n_made = 0
    sample_mel = chunks.sample_mel

    def counted(*args: object, **options: object) -> torch.Tensor:
        nonlocal n_made
        n_made += 1
        return sample_mel(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(chunks, "sample_mel", counted)
    n_tokens = 300
    parts = cfm_parts(
        decoder,
        torch.randint(decoder.config.n_bins, (1, n_tokens)),
        torch.randint(300, (1, 20)),
        torch.zeros(1, decoder.config.style_dim, 1),
        torch.Generator(),
        mel=torch.zeros(1, 100, 200),
        prompt_tokens=torch.randint(decoder.config.n_bins, (1, 50)),
        prompt_phonemes=torch.randint(300, (1, 10)),
        sample_rate=model.sample_rate,
        steps=1,
    )
    slices = sounded(parts)
    n_samples = len(next(slices).samples)
    n_at_first = n_made
    n_samples += sum(len(part.samples) for part in slices)
    assert n_at_first < n_made
    assert abs(n_samples - n_tokens * model.samples_per_token) <= 0.02 * model.sample_rate
