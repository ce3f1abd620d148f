"""Stage `decoder`, last part: both halves together, on what is heard.

`vocoder` learned to copy speech from its latents, `prior` to guess latents. Guessed latents are smoother than
real ones, and a vocoder that never met them blurs consonants and buzzes. Here the whole decoder
speaks tokens, real ones and T2S's guesses, in the style of another clip of the voice, and is told by mel
distance and by discriminators how that differs from the recording, and by `likeness` whether the voice is
still the same. The likelihood of `prior` goes on beside it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from comps.gptsovits.networks.vits.decoder import NOISE_SCALE, VitsDecoder
from comps.gptsovits.training.averages import Average
from comps.gptsovits.training.contest import Contest
from comps.gptsovits.training.guesses import load_guesses
from comps.gptsovits.training.likeness import VoiceEncoder, load_encoder, unlikeness
from comps.gptsovits.training.loop import Loop, Stateful, add_loop_options, set_rate
from comps.gptsovits.training.losses import MelDistance
from comps.gptsovits.training.prior import GUIDANCE_WEIGHT, Batch, Pairs, load_pairs, look, new_decoder
from comps.gptsovits.training.progress import (
    add_factors,
    cosine_rate,
    stage_parser,
    start,
    trained_checkpoint,
)
from comps.gptsovits.training.sizes import CALM, HOP_LENGTH, SAMPLE_RATE
from comps.gptsovits.training.sounds import Sounds
from comps.gptsovits.training.vocoder import MEL_WEIGHT, drawn_context

# Of the likelihood, beside what is heard: a hundred channels of log-mels outweigh all else otherwise.
DIVERGENCE_WEIGHT = 0.2
LIKENESS_WEIGHT = 4.0


def joined_halves(work: Path) -> tuple[VitsDecoder, dict[str, int]]:
    """The decoder with the averaged weights of both halves, and how many steps each has trained.

    Raises FileNotFoundError naming a half that has not been trained.
    """
    decoder = new_decoder(work)
    states = {half: trained_checkpoint(work / "decoder" / f"{half}.pt") for half in ("vocoder", "prior")}
    vocoder = {f"vocoder.{name}": value for name, value in states["vocoder"]["average"].items()}
    learned = {n: v for n, v in states["prior"]["average"].items() if not n.startswith("vocoder.")}
    decoder.load_state_dict(learned | vocoder)
    return decoder, {half: int(state["step"]) for half, state in states.items()}


class Windows:
    """The same stretch of latents and of the recording, for every row of a batch."""

    def __init__(self, sounds: Sounds, n_frames: int, *, seed: int) -> None:
        self.sounds, self.n_frames = sounds, n_frames
        self.random = np.random.default_rng(seed)

    def context(self) -> tuple[int, int]:
        """Frames at both ends that the next batch's vocoder only looks at."""
        return drawn_context(self.random)

    def cut(self, latent: Tensor, batch: Batch, context: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Latents `[B, Z, F]` of a batch -> of the R rows that are long enough, latents
        `[R, Z, n_frames + context]` and samples `[R, n_frames · hop]`."""
        latents, samples = [], []
        left, right = context
        for row, (utterance, first) in enumerate(batch.origin):
            waveform = self.sounds.waveform(utterance)
            length = min(int(batch.frame_mask[row].sum()), len(waveform) // HOP_LENGTH - first)
            if length < left + self.n_frames + right:
                continue
            at = int(self.random.integers(left, length - self.n_frames - right + 1))
            latents.append(latent[row, :, at - left : at + self.n_frames + right])
            begin = (first + at) * HOP_LENGTH
            samples.append(torch.from_numpy(waveform[begin : begin + self.n_frames * HOP_LENGTH].copy()))
        return torch.stack(latents), torch.stack(samples).to(latent.device)


class Trainer:
    """The decoder, its judges, and one step."""

    def __init__(
        self,
        decoder: VitsDecoder,
        device: str,
        rate: float,
        judges: dict[str, Any],
        voices: VoiceEncoder,
    ) -> None:
        """`judges` are those that `vocoder` has taught, as a state dict."""
        self.device = torch.device(device)
        self.decoder = decoder.to(device)
        self.decoder.vocoder.requires_grad_(True)
        self.distance = MelDistance(SAMPLE_RATE).to(device)
        self.voices = voices.to(device)
        self.contest, self.average = Contest(self.device, rate), Average(self.decoder)
        self.contest.judges.load_state_dict(judges)
        self.trained = [p for p in decoder.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.trained, lr=rate, betas=(0.8, 0.99), weight_decay=0.01)
        self.parts: dict[str, Stateful] = {
            "model": self.decoder,
            "average": self.average,
            "judges": self.contest.judges,
            "optimiser": self.optimiser,
            "judge_optimiser": self.contest.optimiser,
        }

    def step(self, batch: Batch, windows: Windows, step: int) -> dict[str, float]:
        """Update all weights once, by what is heard in the windows, and return what to report."""
        with torch.autocast(self.device.type, torch.bfloat16):
            seen = look(self.decoder, batch)
            drawn = torch.randn_like(seen.prior.mean) * seen.prior.log_std.detach().exp()
            guess = seen.prior.mean + drawn * (NOISE_SCALE * CALM)
            latent = self.decoder.flow.inverse(guess, seen.style, batch.frame_mask)
            context = windows.context()
            latents, real = windows.cut(latent, batch, context)
            made = self.decoder.vocoder(latents, context=context).float()
            unlike = unlikeness(self.voices, latent, batch.latent, batch.frame_mask)
        mel = self.distance(made, real)
        deception, figures = self.contest.round(made, real)
        loss = (
            DIVERGENCE_WEIGHT * seen.divergence
            + GUIDANCE_WEIGHT * seen.surprise
            + MEL_WEIGHT * mel
            + deception
            + LIKENESS_WEIGHT * unlike
        )
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, 50.0)
        self.optimiser.step()
        self.average.update(self.decoder, step)
        return {
            "mel": mel.item(),
            "divergence": seen.divergence.item(),
            "surprise": seen.surprise.item(),
            "unlike": unlike.item(),
            **figures,
        }


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("joint", "Train both halves of the decoder together.")
    add_loop_options(parser, steps=20_000, save_every=250)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=72, help="tokens of a crop, 25 a second")
    parser.add_argument("--frames", type=int, default=24, help="latent frames that are heard, 50 a second")
    parser.add_argument("--rate", type=float, default=2e-4)
    add_factors(parser)
    options = parser.parse_args(arguments)
    clock = start(options)
    pairs: Pairs = load_pairs(options.corpus, options.work, options.factors)
    pairs.guesses = load_guesses(options.work, pairs.pieces, options.device, seed=options.seed)
    decoder, _ = joined_halves(options.work)
    judges = trained_checkpoint(options.work / "decoder" / "vocoder.pt")["judges"]
    voices = load_encoder(options.work)
    trainer = Trainer(decoder, options.device, options.rate, judges, voices)
    loop = Loop(options, "joint", options.work / "decoder" / "joint.pt", trainer.parts, clock)
    windows = Windows(pairs.sounds, options.frames, seed=options.seed + loop.step)
    batches = pairs.batches(options.batch, options.tokens, seed=options.seed + loop.step)

    def once(step: int) -> dict[str, float]:
        rate = cosine_rate(step, options.steps, peak=options.rate, warmup=200, floor=0.1)
        set_rate(rate, trainer.optimiser, trainer.contest.optimiser)
        return trainer.step(next(batches).to(trainer.device), windows, step)

    loop.run(once)


if __name__ == "__main__":
    main()
