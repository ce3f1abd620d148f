"""Stage `decoder`, first half: samples from latent frames.

The vocoder learns to copy speech from its latents (`latents`), by mel distance alone at first. From
`--adversarial-from` on discriminators sharpen it: they cost several times what the vocoder does, and have
nothing to say while it is still far off.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from comps.gptsovits.networks.vocoders.vocos import Vocos
from comps.gptsovits.training.averages import Average
from comps.gptsovits.training.contest import Contest
from comps.gptsovits.training.latents import Latents, load_latents, louder
from comps.gptsovits.training.loop import Loop, Stateful, add_loop_options, set_rate
from comps.gptsovits.training.losses import MelDistance
from comps.gptsovits.training.progress import (
    add_factors,
    cosine_rate,
    stage_parser,
    start,
)
from comps.gptsovits.training.sizes import HOP_LENGTH, SAMPLE_RATE, VOCODER
from comps.gptsovits.training.sounds import Sounds, load_sounds
from comps.gptsovits.training.split import is_for_training, read_items, with_faster

MEL_WEIGHT = 45.0
CONTEXT = 6  # frames to both sides of what is compared: the vocoder looks further, but hardly
ENDS = 0.15  # share of batches that begin, and that end, as an utterance does: with nothing beyond


@dataclass(frozen=True)
class Batch:
    latent: Tensor  # [B, Z, left + F + right]
    context: tuple[int, int]  # left, right
    samples: Tensor  # [B, F · hop], those of the middle frames


def drawn_context(random: np.random.Generator) -> tuple[int, int]:
    """How many frames a batch has at its two ends that the vocoder only looks at."""
    left, right = (CONTEXT * int(random.random() > ENDS) for _ in range(2))
    return left, right


class Crops:
    """Random crops of the training utterances, long ones more often."""

    def __init__(self, sounds: Sounds, latents: Latents, chosen: list[int]) -> None:
        self.sounds, self.latents = sounds, latents
        self.chosen, self.lengths = np.array(chosen), np.array([len(latents.of(i)) for i in chosen])

    def batches(self, size: int, n_frames: int, *, seed: int) -> Iterator[Batch]:
        random = np.random.default_rng(seed)
        fits = self.lengths >= n_frames
        chosen, lengths = self.chosen[fits], self.lengths[fits]
        weights = lengths / lengths.sum()
        while True:
            latents, pieces = [], []
            left, right = context = drawn_context(random)
            for pick in random.choice(len(chosen), size, p=weights):
                first = int(random.integers(0, lengths[pick] - n_frames + 1))
                frames = np.arange(first - left, first + n_frames + right).clip(0, lengths[pick] - 1)
                latent, piece = self._crop(int(chosen[pick]), frames, first, n_frames)
                gain = float(10 ** random.uniform(-0.4, 0.1))  # -8 … +2 dB
                latents.append(louder(latent, gain))
                pieces.append(np.clip(piece * np.float32(gain), -1, 1))
            yield Batch(torch.from_numpy(np.stack(latents)), context, torch.from_numpy(np.stack(pieces)))

    def _crop(
        self, index: int, frames: NDArray[np.int64], first: int, n_frames: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        latent = self.latents.of(index)[frames].astype(np.float32).T
        at = self.sounds.starts[index] + first * HOP_LENGTH
        piece = self.sounds.samples[at : at + n_frames * HOP_LENGTH].astype(np.float32) / 32768.0
        return latent, piece


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("vocoder", "Learn to copy speech from its latents.")
    add_loop_options(parser, steps=30_000, save_every=500)
    parser.add_argument("--adversarial-from", type=int, default=12_000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=40, help="latent frames of a crop, 50 a second")
    parser.add_argument("--rate", type=float, default=1e-3)
    add_factors(parser)
    options = parser.parse_args(arguments)
    clock = start(options)
    folder: Path = options.work / "decoder"
    items = with_faster(read_items(options.corpus), options.factors)
    sounds = load_sounds(items, options.work / "cache", rate=SAMPLE_RATE)
    latents = load_latents(sounds, options.work / "cache")
    chosen = [i for i, item in enumerate(items) if is_for_training(item)]
    to_hear = [i for i, item in enumerate(items) if not is_for_training(item) and 3 < item.seconds < 6][:4]

    trainer = Trainer(options.device, options.rate)
    loop = Loop(options, "vocoder", folder / "vocoder.pt", trainer.parts, clock)
    crops = Crops(sounds, latents, chosen)
    batches = crops.batches(options.batch, options.frames, seed=options.seed + loop.step)

    def once(step: int) -> dict[str, float]:
        rate = cosine_rate(step, options.steps, peak=options.rate, warmup=200, floor=0.05)
        set_rate(rate, trainer.optimiser, trainer.contest.optimiser)
        return trainer.step(next(batches), step, adversarial=step >= options.adversarial_from)

    def listen(step: int) -> None:
        write_copies(trainer.average.module, latents, to_hear, folder / "copies", step)

    loop.run(once, after_save=listen)


class Trainer:
    """The networks, their optimisers, and one step of the game."""

    def __init__(self, device: str, rate: float) -> None:
        self.device = torch.device(device)
        self.model, self.contest = Vocos(VOCODER).to(device), Contest(self.device, rate)
        self.average, self.distance = Average(self.model), MelDistance(SAMPLE_RATE).to(device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=rate, betas=(0.8, 0.99), weight_decay=1e-4
        )
        self.parts: dict[str, Stateful] = {
            "model": self.model,
            "average": self.average,
            "judges": self.contest.judges,
            "optimiser": self.optimiser,
            "judge_optimiser": self.contest.optimiser,
        }

    def step(self, batch: Batch, step: int, *, adversarial: bool) -> dict[str, float]:
        """Update all weights once and return what to report."""
        latent, real = batch.latent.to(self.device), batch.samples.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            made = self.model(latent, context=batch.context).float()
        mel_loss = self.distance(made, real)
        loss, report = MEL_WEIGHT * mel_loss, {"mel": mel_loss.item()}
        if adversarial:
            deception, figures = self.contest.round(made, real)
            loss, report = loss + deception, report | figures
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 50.0)
        self.optimiser.step()
        self.average.update(self.model, step)
        return report


@torch.no_grad()
def write_copies(model: nn.Module, latents: Latents, chosen: list[int], folder: Path, step: int) -> None:
    """Copy synthesis of `chosen` as wav files, to be listened to."""
    folder.mkdir(parents=True, exist_ok=True)
    device = next(model.parameters()).device
    for i in chosen:
        latent = torch.from_numpy(latents.of(i).astype(np.float32).T)[None].to(device)
        soundfile.write(folder / f"{step:06d}-{i}.wav", model(latent)[0].float().cpu().numpy(), SAMPLE_RATE)


if __name__ == "__main__":
    main()
