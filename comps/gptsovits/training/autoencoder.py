"""Stage `decoder`, first half: speech to latent frames and back.

A posterior encoder and the vocoder learn to copy speech through `LATENT_CHANNELS` latent channels at 50
frames a second, held near a standard normal. From `--adversarial-from` on the posterior encoder is frozen and
discriminators sharpen the vocoder. The vocoder hears no style (its condition stays zero): the latents carry
the voice, so that this half and the second (`prior`) can be trained beside each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from comps.gptsovits.dsp.mel import log_mel
from comps.gptsovits.networks.vocoders.hifigan import HifiGan
from comps.gptsovits.training.averages import Average
from comps.gptsovits.training.contest import Contest
from comps.gptsovits.training.losses import MelDistance
from comps.gptsovits.training.posterior import PosteriorEncoder, divergence_from_normal, sample
from comps.gptsovits.training.progress import (
    Clock,
    LossLog,
    cosine_rate,
    load_checkpoint,
    save_checkpoint,
    stage_parser,
    start,
)
from comps.gptsovits.training.sizes import HOP_LENGTH, LATENT_CHANNELS, N_FFT, SAMPLE_RATE, VOCODER
from comps.gptsovits.training.sounds import Sounds, load_sounds
from comps.gptsovits.training.split import is_for_training, read_items

N_MELS = 100
MEL_WEIGHT = 45.0
DIVERGENCE_WEIGHT = 0.05


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.posterior = PosteriorEncoder(N_MELS, LATENT_CHANNELS)
        self.vocoder = HifiGan(VOCODER)
        if self.vocoder.condition is not None:
            for parameter in self.vocoder.condition.parameters():
                nn.init.zeros_(parameter).requires_grad_(False)


def speech_mel(samples: Tensor) -> Tensor:
    """What the posterior encoder reads: log-mels `[B, M, F]` of samples `[B, N]`, about zero mean."""
    mel = log_mel(samples, rate=SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=N_MELS)
    return (mel + 5.0) / 2.5


@dataclass(frozen=True)
class Batch:
    mel: Tensor  # [B, M, F + 2 · context]
    samples: Tensor  # [B, F · hop], those of the middle frames


class Crops:
    """Random crops of the training utterances, long ones more often, with frames of context to both sides."""

    def __init__(self, sounds: Sounds, mels: NDArray[np.float16], chosen: list[int], context: int) -> None:
        self.sounds, self.mels, self.context = sounds, mels, context
        lengths = np.array([(sounds.starts[i + 1] - sounds.starts[i]) // HOP_LENGTH for i in chosen])
        self.chosen = np.array(chosen)
        self.lengths = lengths
        self.weights = lengths / lengths.sum()
        self.mel_starts = mel_starts(sounds)

    def batches(self, size: int, n_frames: int, *, seed: int) -> Iterator[Batch]:
        random = np.random.default_rng(seed)
        fits = self.lengths >= n_frames
        chosen, lengths = self.chosen[fits], self.lengths[fits]
        weights = self.weights[fits] / self.weights[fits].sum()
        while True:
            mels, pieces = [], []
            for pick in random.choice(len(chosen), size, p=weights):
                first = int(random.integers(0, lengths[pick] - n_frames + 1))
                mel, piece = self._crop(int(chosen[pick]), first, n_frames, int(lengths[pick]))
                gain = np.float32(10 ** random.uniform(-0.4, 0.1))  # -8 … +2 dB
                mels.append(mel + np.log(gain) / 2.5)
                pieces.append(np.clip(piece * gain, -1, 1))
            yield Batch(torch.from_numpy(np.stack(mels)).float(), torch.from_numpy(np.stack(pieces)))

    def _crop(
        self, index: int, first: int, n_frames: int, length: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        start = self.mel_starts[index]
        frames = np.arange(first - self.context, first + n_frames + self.context).clip(0, length - 1)
        mel = self.mels[start + frames].astype(np.float32).T  # [M, F + 2 · context]
        at = self.sounds.starts[index] + first * HOP_LENGTH
        piece = self.sounds.samples[at : at + n_frames * HOP_LENGTH].astype(np.float32) / 32768.0
        return mel, piece


def mel_starts(sounds: Sounds) -> NDArray[np.int64]:
    """Where each utterance's frames start in the array of `load_mels`."""
    return np.concatenate([[0], np.cumsum(np.diff(sounds.starts) // HOP_LENGTH)])


def load_mels(sounds: Sounds, cache: Path) -> NDArray[np.float16]:
    """Log-mels of every utterance end to end, `[frames, M]`; computed once."""
    path = cache / "mels.npy"
    n_frames = int(mel_starts(sounds)[-1])
    if path.exists():
        stored: NDArray[np.float16] = np.load(path, mmap_mode="r")
        if len(stored) == n_frames:
            return stored
    pieces = [
        speech_mel(torch.from_numpy(sounds.waveform(i))[None])[0].T.half().numpy()
        for i in tqdm(range(len(sounds)), desc="mels")
    ]
    np.save(path, np.concatenate(pieces))
    mapped: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return mapped


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("autoencoder", "Learn to copy speech through latents.")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--adversarial-from", type=int, default=5_000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=32, help="latent frames of a crop, 50 a second")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--report", type=int, default=50)
    parser.add_argument("--save-every", type=int, default=500)
    options = parser.parse_args(arguments)
    start(options)
    clock = Clock(options.minutes)
    folder: Path = options.work / "decoder"
    folder.mkdir(parents=True, exist_ok=True)
    items = read_items(options.corpus)
    sounds = load_sounds(items, options.work / "cache", rate=SAMPLE_RATE)
    mels = load_mels(sounds, options.work / "cache")
    chosen = [i for i, item in enumerate(items) if is_for_training(item)]
    to_hear = [i for i, item in enumerate(items) if not is_for_training(item) and 3 < item.seconds < 6][:4]

    trainer = Trainer(options.device, options.rate)
    step = trainer.resume(folder / "autoencoder.pt")
    log = LossLog(options.work / "logs", "autoencoder")
    crops = Crops(sounds, mels, chosen, trainer.model.posterior.context)
    batches = crops.batches(options.batch, options.frames, seed=options.seed + step)
    bar = tqdm(total=options.steps, initial=step, desc="autoencoder", unit="step")
    seen: list[dict[str, float]] = []
    while step < options.steps and not clock.is_over:
        trainer.set_rate(cosine_rate(step, options.steps, peak=options.rate, warmup=200, floor=0.1))
        seen.append(trainer.step(next(batches), step, adversarial=step >= options.adversarial_from))
        step += 1
        bar.update()
        if step % options.report == 0 or step == options.steps:
            means = {name: float(np.mean([row[name] for row in seen if name in row])) for name in seen[-1]}
            seen = []
            bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()})
            log.add(step, **means)
        if step % options.save_every == 0:
            trainer.save(folder / "autoencoder.pt", step)
            log.draw()
            write_copies(trainer.average.module, sounds, mels, to_hear, folder / "copies", step)
    trainer.save(folder / "autoencoder.pt", step)


class Trainer:
    """The networks, their optimisers, and one step of the game."""

    def __init__(self, device: str, rate: float) -> None:
        self.device = torch.device(device)
        self.model, self.contest = Autoencoder().to(device), Contest(self.device, rate)
        self.average, self.distance = Average(self.model), MelDistance(SAMPLE_RATE).to(device)
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.trained, lr=rate, betas=(0.8, 0.99), weight_decay=1e-4)
        self._parts: dict[str, Any] = {
            "model": self.model,
            "average": self.average,
            "judges": self.contest.judges,
            "optimiser": self.optimiser,
            "judge_optimiser": self.contest.optimiser,
        }

    def resume(self, path: Path) -> int:
        """The step to go on from: 0 where there is no checkpoint yet."""
        state = load_checkpoint(path)
        if state is None:
            return 0
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        return int(state["step"])

    def save(self, path: Path, step: int) -> None:
        save_checkpoint(path, {"step": step, **{n: p.state_dict() for n, p in self._parts.items()}})

    def set_rate(self, rate: float) -> None:
        for group in (*self.optimiser.param_groups, *self.contest.optimiser.param_groups):
            group["lr"] = rate

    def step(self, batch: Batch, step: int, *, adversarial: bool) -> dict[str, float]:
        """Update all weights once and return what to report."""
        mel, real = batch.mel.to(self.device), batch.samples.to(self.device)
        context = self.model.posterior.context
        with self._half_precision(), torch.set_grad_enabled(not adversarial):
            mean, log_std = self.model.posterior(mel)
        mean, log_std = mean[..., context:-context].float(), log_std[..., context:-context].float()
        with self._half_precision():
            made = self.model.vocoder(sample(mean, log_std)).float()
        mel_loss, divergence = self.distance(made, real), divergence_from_normal(mean, log_std)
        loss = MEL_WEIGHT * mel_loss + DIVERGENCE_WEIGHT * divergence
        report = {"mel": mel_loss.item(), "divergence": divergence.item()}
        if adversarial:
            deception, figures = self.contest.round(made, real)
            loss, report = loss + deception, report | figures
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, 10.0)
        self.optimiser.step()
        self.average.update(self.model, step)
        return report

    def _half_precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)


@torch.no_grad()
def write_copies(
    model: nn.Module, sounds: Sounds, mels: NDArray[np.float16], chosen: list[int], folder: Path, step: int
) -> None:
    """Copy synthesis of `chosen` as wav files, to be listened to."""
    assert isinstance(model, Autoencoder)
    folder.mkdir(parents=True, exist_ok=True)
    starts = mel_starts(sounds)
    device = next(model.parameters()).device
    for i in chosen:
        mel = torch.from_numpy(mels[starts[i] : starts[i + 1]].astype(np.float32).T)[None].to(device)
        mean, _ = model.posterior(mel)
        made = model.vocoder(mean)[0].float().cpu().numpy()
        soundfile.write(folder / f"{step:06d}-{i}.wav", made, SAMPLE_RATE)


if __name__ == "__main__":
    main()
