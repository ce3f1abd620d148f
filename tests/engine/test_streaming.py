"""Speech while its tokens are still coming is the speech of the whole, and no joint is heard."""

import asyncio
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from comps.gptsovits.checkpoints.build import load_model
from comps.gptsovits.commands.shared import read_clip
from comps.gptsovits.devices import Precision
from comps.gptsovits.dsp.crossfade import crossfade
from comps.gptsovits.engine import Engine, EngineConfig
from comps.gptsovits.engine.pacing import FIRST_TOKENS, LOOKAHEAD_TOKENS, Cuts
from comps.gptsovits.engine.packing import pack_decoder
from comps.gptsovits.engine.streaming import LiveSpeech
from comps.gptsovits.engine.synthesis import vits_parts
from comps.gptsovits.engine.windows import sounded
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.voice import Voice
from tests.engine.small import DECODER_CONFIG, N_BINS, SAMPLE_RATE

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "models" / "starter"
CLIPS = [ROOT / "audio" / f"{name}-voice.wav" for name in ("lower", "higher")]
HOP_SECONDS = 0.00125
# How much larger a step may be at a joint than at the same place of speech that was made whole.
LARGEST_STEP = 1.4


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@pytest.fixture(scope="module")
def decoder() -> VitsDecoder:
    torch.manual_seed(0)
    made = VitsDecoder(DECODER_CONFIG).eval()
    made.quantizer.codebook.normal_()
    return made


@dataclass
class Speech:
    """Something to say, in a voice."""

    decoder: VitsDecoder
    tokens: list[int]
    phonemes: Tensor
    style: Tensor
    rate: int

    @classmethod
    def random(cls, decoder: VitsDecoder, n_tokens: int) -> "Speech":
        g = torch.Generator().manual_seed(1)
        tokens = torch.randint(N_BINS, (n_tokens,), generator=g).tolist()
        phonemes = torch.randint(700, (1, 12), generator=g)
        style = torch.randn(1, DECODER_CONFIG.style_dim, 1, generator=g)
        return cls(decoder, tokens, phonemes, style, SAMPLE_RATE)

    @torch.inference_mode()
    def whole(self, speed: float = 1.0) -> Tensor:
        row = torch.tensor(self.tokens)[None]
        parts = vits_parts(
            self.decoder, row, self.phonemes, self.style, generator(), sample_rate=self.rate, speed=speed
        )
        return torch.cat([part.samples for part in sounded(parts)])

    @torch.inference_mode()
    def streamed(self, speed: float = 1.0, *, late: bool = False) -> tuple[Tensor, list[int]]:
        """Samples, and the tokens at which they are joined. `late`: all tokens come before any is spoken."""
        live = LiveSpeech(
            self.decoder, self.phonemes, self.style, generator(), sample_rate=self.rate, speed=speed
        )
        cuts, passed, parts = Cuts(0), [], []
        while len(self.tokens) >= cuts.needed:
            cuts.advance()
            passed.append(cuts.last)
            live.hear(self.tokens[: cuts.n_kept], cuts.last)
            while live.is_ready and not late:
                parts += sounded([next(live)])
        live.finish(self.tokens)
        while live.is_ready:
            parts += sounded([next(live)])
        assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]
        return torch.cat([part.samples for part in parts]), passed


@pytest.fixture(scope="module")
def spoken() -> list[Speech]:
    """Real speech of the bundled model: the words of the demo clips, as it hears them, said again."""
    model = load_model(STARTER)

    async def voices() -> list[Voice]:
        with Engine(model, config=EngineConfig(precision=Precision.EXACT)) as engine:
            return [
                (await engine.profile(read_clip(clip), text=clip.with_suffix(".txt").read_text())).voice
                for clip in CLIPS
            ]

    decoder = load_model(STARTER).decoder  # the engine has packed its own
    assert isinstance(decoder, VitsDecoder)
    return [
        Speech(
            decoder,
            voice.prompt_tokens.tolist(),
            torch.from_numpy(voice.prompt_phonemes.copy()).long()[None],
            torch.from_numpy(voice.style.copy())[None, :, None],
            model.sample_rate,
        )
        for voice in asyncio.run(voices())
    ]


@pytest.mark.parametrize("n_tokens", [1, 13, 14, 60, 150])
@pytest.mark.parametrize("speed", [1.0, 0.7, 1.9, 4.0])
def test_streamed_speech_is_as_long_as_the_whole(decoder: VitsDecoder, n_tokens: int, speed: float) -> None:
    speech = Speech.random(decoder, n_tokens)
    samples, cuts = speech.streamed(speed)
    assert len(samples) == len(speech.whole(speed))
    assert bool(cuts) == (n_tokens >= FIRST_TOKENS + LOOKAHEAD_TOKENS)


def test_samples_do_not_depend_on_when_tokens_come(decoder: VitsDecoder) -> None:
    speech = Speech.random(decoder, 150)
    assert torch.equal(speech.streamed()[0], speech.streamed(late=True)[0])


def log_spectra(samples: Tensor, rate: int) -> Tensor:
    """Of 5 ms every 1.25 ms, `[frames, bins]`; what is 100 dB below full scale is silence."""
    size, hop = int(0.005 * rate), int(HOP_SECONDS * rate)
    window = torch.hann_window(size)
    spectra = torch.stft(samples, size, hop, window=window, return_complex=True).abs().T
    return spectra.clamp_min(1e-5 * float(window.sum())).log()


def steps_of(samples: Tensor, rate: int) -> Tensor:
    """From one spectrum to the next, as a mean over the bins."""
    spectra = log_spectra(samples, rate)
    return (spectra[1:] - spectra[:-1]).abs().mean(1)


def steps_at(samples: Tensor, cuts: list[int], rate: int) -> Tensor:
    """The largest step around each joint."""
    steps = steps_of(samples, rate)
    per_token = round(0.04 / HOP_SECONDS)
    return torch.stack([steps[cut * per_token - 3 : cut * per_token + 3].max() for cut in cuts])


def shows(samples: Tensor, cuts: list[int], speech: Speech) -> Tensor:
    """At which joints the spectrum steps further than the whole does there, and than it usually does."""
    whole = speech.whole()
    usual = steps_of(whole, speech.rate).median()
    there = steps_at(samples, cuts, speech.rate)
    return there > LARGEST_STEP * steps_at(whole, cuts, speech.rate).clamp_min(usual)


def test_no_joint_shows_in_the_spectrum(spoken: list[Speech]) -> None:
    for speech in spoken:
        samples, cuts = speech.streamed()
        assert len(cuts) >= 4
        assert not shows(samples, cuts, speech).any()


def test_joints_without_overlap_would_show_in_the_spectrum(spoken: list[Speech]) -> None:
    """The measure sees what it is there to see: chunks that know nothing of each other."""
    shown = 0
    for speech in spoken:
        _, cuts = speech.streamed()
        pieces = [
            Speech(speech.decoder, speech.tokens[start:stop], speech.phonemes, speech.style, speech.rate)
            for start, stop in zip([0, *cuts], [*cuts, len(speech.tokens)], strict=True)
        ]
        samples = torch.cat([piece.whole() for piece in pieces])
        shown += int(shows(samples, cuts, speech).sum())
    assert shown >= 3


def test_both_sides_of_a_joint_are_in_phase(spoken: list[Speech], monkeypatch: pytest.MonkeyPatch) -> None:
    """So nothing has to be moved to fit."""
    likeness: list[float] = []

    def compared(tail: Tensor, head: Tensor) -> Tensor:
        if tail.dim() == 1 and tail.abs().max() > 0.01:  # samples, and not silence
            likeness.append(float(tail @ head / (tail.norm() * head.norm())))
        return crossfade(tail, head)

    monkeypatch.setattr("comps.gptsovits.engine.streaming.crossfade", compared)
    for speech in spoken:
        replace(speech).streamed()
    assert len(likeness) >= 4
    assert min(likeness) > 0.99


def test_streamed_speech_is_close_to_the_whole(spoken: list[Speech]) -> None:
    for speech in spoken:
        streamed, whole = (log_spectra(x, speech.rate) for x in (speech.streamed()[0], speech.whole()))
        assert (streamed - whole).abs().mean() < 0.2


@pytest.mark.parametrize(("compiled", "largest"), [(True, 0.03), (False, 0.1)])
def test_half_precision_is_not_heard(spoken: list[Speech], compiled: bool, largest: float) -> None:
    """Compiled code is nearer, for its residual sums are float32."""
    for speech in spoken:
        decoder = deepcopy(speech.decoder)
        pack_decoder(decoder, Precision.BF16, compiled=compiled)
        exact, half = speech.whole(), replace(speech, decoder=decoder).whole()
        # What differs is mostly phase.
        assert 10 * torch.log10((half - exact).square().sum() / exact.square().sum()) < -30
        assert (log_spectra(half, speech.rate) - log_spectra(exact, speech.rate)).abs().mean() < largest


def test_compiled_code_in_float32_makes_the_same_samples(spoken: list[Speech]) -> None:
    for speech in spoken:
        decoder = deepcopy(speech.decoder)
        pack_decoder(decoder, Precision.EXACT)
        exact, packed = speech.whole(), replace(speech, decoder=decoder).whole()
        assert 10 * torch.log10((packed - exact).square().sum() / exact.square().sum()) < -100
