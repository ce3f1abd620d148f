"""Stage `decoder`, first half: speech to latent frames and back.

A posterior encoder and the vocoder learn to copy speech through `LATENT_CHANNELS` latent channels at 50
frames a second, held near a standard normal. From `--adversarial-from` on the posterior encoder is frozen and
discriminators sharpen the vocoder. The vocoder hears no style (its condition stays zero): the latents carry
the voice, so that this half and the second (`prior`) can be trained beside each other.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from comps.gptsovits.dsp.mel import log_mel
from comps.gptsovits.networks.vocoders.hifigan import HifiGan
from comps.gptsovits.training.discriminators import Discriminators
from comps.gptsovits.training.losses import MelDistance, deceive_loss, feature_distance, judge_loss
from comps.gptsovits.training.posterior import PosteriorEncoder, divergence_from_normal, sample
from comps.gptsovits.training.runs import Average, Checkpoint, Journal
from comps.gptsovits.training.sizes import HOP_LENGTH, LATENT_CHANNELS, N_FFT, SAMPLE_RATE, VOCODER
from comps.gptsovits.training.sounds import Sounds, load_sounds
from comps.gptsovits.training.split import read_items, train_items

N_MELS = 100
MEL_WEIGHT = 45.0
DIVERGENCE_WEIGHT = 0.05
FEATURE_WEIGHT = 2.0


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


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    work: Path = args.work / "decoder"
    items = read_items(args.corpus)
    sounds = load_sounds(items, args.work / "cache", rate=SAMPLE_RATE)
    mels = load_mels(sounds, args.work / "cache")
    allowed = {item.file for item in train_items(args.corpus)}
    chosen = [i for i, item in enumerate(items) if item.file in allowed]

    device = torch.device(args.device)
    model, judges = Autoencoder().to(device), Discriminators().to(device)
    average, distance = Average(model), MelDistance(SAMPLE_RATE).to(device)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=args.rate, betas=(0.8, 0.99), weight_decay=1e-4)
    judge_optimiser = torch.optim.AdamW(judges.parameters(), lr=args.rate, betas=(0.8, 0.99))
    checkpoint = Checkpoint(
        work / "autoencoder.pt",
        model=model,
        average=average,
        judges=judges,
        optimiser=optimiser,
        judge_optimiser=judge_optimiser,
    )
    step = checkpoint.load()
    journal = Journal(work / "autoencoder.jsonl")
    crops = Crops(sounds, mels, chosen, model.posterior.context)
    batches = crops.batches(args.batch, args.frames, seed=args.seed + step)
    progress = tqdm(total=args.steps, initial=step, desc="autoencoder", unit="step")
    while step < args.steps:
        batch = next(batches)
        mel, real = batch.mel.to(device), batch.samples.to(device)
        adversarial = step >= args.adversarial_from
        for group in (*optimiser.param_groups, *judge_optimiser.param_groups):
            group["lr"] = args.rate * _schedule(step, args.steps)
        context = model.posterior.context
        with torch.autocast(device.type, torch.bfloat16), torch.set_grad_enabled(not adversarial):
            mean, log_std = model.posterior(mel)
        mean, log_std = mean[..., context:-context].float(), log_std[..., context:-context].float()
        with torch.autocast(device.type, torch.bfloat16):
            made = model.vocoder(sample(mean, log_std)).float()
        figures: dict[str, float] = {}
        mel_loss = distance(made, real)
        divergence = divergence_from_normal(mean, log_std)
        loss = MEL_WEIGHT * mel_loss + DIVERGENCE_WEIGHT * divergence
        if adversarial:
            # The judges cost twice what the vocoder does: they see half of the batch.
            seen = slice(0, max(1, len(real) // 2))
            with torch.autocast(device.type, torch.bfloat16):
                real_scores, real_features = judges(real[seen])
                made_scores, _ = judges(made[seen].detach())
            judged = judge_loss(real_scores, made_scores)
            judge_optimiser.zero_grad()
            judged.backward()
            judge_optimiser.step()
            with torch.autocast(device.type, torch.bfloat16):
                made_scores, made_features = judges(made[seen])
            deceived = deceive_loss(made_scores)
            features = feature_distance(real_features, made_features)
            loss = loss + deceived + FEATURE_WEIGHT * features
            figures |= {"judge": judged.item(), "deceive": deceived.item(), "features": features.item()}
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 10.0)
        optimiser.step()
        average.update(model, step)
        step += 1
        journal.add(mel=mel_loss.item(), divergence=divergence.item(), **figures)
        progress.update()
        if step % args.report == 0:
            progress.set_postfix({k: f"{v:.3f}" for k, v in journal.write(step).items()})
        if step % args.save == 0 or step == args.steps:
            checkpoint.save(step)
            journal.plot()
            write_copies(average.module, sounds, mels, items_to_hear(args.corpus), work / "copies", step)


def _schedule(step: int, steps: int) -> float:
    """Warm-up over 200 steps, then a half cosine down to a tenth."""
    return min(1.0, (step + 1) / 200) * (0.55 + 0.45 * float(np.cos(np.pi * min(1.0, step / steps))))


def items_to_hear(corpus: Path) -> list[int]:
    """A few utterances that training never hears."""
    items, allowed = read_items(corpus), {item.file for item in train_items(corpus)}
    return [i for i, item in enumerate(items) if item.file not in allowed and 3 < item.seconds < 6][:4]


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--corpus", type=Path, default=Path("training_work/corpus"))
    parser.add_argument("--work", type=Path, default=Path("training_work"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--adversarial-from", type=int, default=4_000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--report", type=int, default=50)
    parser.add_argument("--save", type=int, default=500)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_arguments(parser)
    train(parser.parse_args())
