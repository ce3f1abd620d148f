"""Stage `decoder`, on the side: a small network that tells training's voices apart by their latents.

`joint` asks it whether guessed latents are of the voice that was meant. It learns from crops of different
loudness, and its embedding is all that is kept: voices that it never heard have one too.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comps.gptsovits.training.latents import Latents, load_latents, louder
from comps.gptsovits.training.loop import Loop, Stateful, add_loop_options, set_rate
from comps.gptsovits.training.progress import (
    add_factors,
    cosine_rate,
    stage_parser,
    start,
    trained_checkpoint,
)
from comps.gptsovits.training.sizes import LATENT_CHANNELS, SAMPLE_RATE
from comps.gptsovits.training.sounds import load_sounds
from comps.gptsovits.training.split import is_for_training, read_items, with_faster

CHANNELS, EMBEDDING = 160, 128
DILATIONS = (1, 2, 4)
KERNEL_SIZE = 5
# Cosines are this far apart before softmax, and the right one must win by so much (Wang et al. 2018).
SCALE, MARGIN = 24.0, 0.2


class VoiceEncoder(nn.Module):
    """Latents `[B, Z, F]` -> embeddings of length 1, `[B, E]`."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(LATENT_CHANNELS, CHANNELS, KERNEL_SIZE, padding=KERNEL_SIZE // 2)
        self.convs = nn.ModuleList(
            nn.Conv1d(CHANNELS, CHANNELS, KERNEL_SIZE, dilation=d, padding=d * (KERNEL_SIZE // 2))
            for d in DILATIONS
        )
        self.norms = nn.ModuleList(nn.GroupNorm(8, CHANNELS) for _ in DILATIONS)
        self.leave = nn.Linear(2 * CHANNELS, EMBEDDING)

    def forward(self, latent: Tensor, mask: Tensor) -> Tensor:
        """`mask [B, F]` is True where there is sound."""
        x = F.relu(self.enter(latent))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = x + F.relu(norm(conv(x)))
        share = mask[:, None].to(x.dtype)
        share = share / share.sum(-1, keepdim=True)
        mean = (x * share).sum(-1)
        spread = (((x - mean[..., None]).square() * share).sum(-1) + 1e-5).sqrt()
        return F.normalize(self.leave(torch.cat([mean, spread], 1)).float(), dim=1)


def unlikeness(encoder: VoiceEncoder, made: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """One less the cosine of the voices in latents `[B, Z, F]`, averaged over the batch."""
    with torch.no_grad():
        wanted = encoder(real, mask)
    return 1.0 - (encoder(made, mask) * wanted).sum(1).mean()


def load_encoder(work: Path) -> VoiceEncoder:
    """What this stage has left, frozen. Raises FileNotFoundError where it has not run."""
    encoder = VoiceEncoder()
    encoder.load_state_dict(trained_checkpoint(work / "decoder" / "likeness.pt")["encoder"])
    return encoder.requires_grad_(False).eval()


def batches(
    latents: Latents, voices: list[list[int]], size: int, n_frames: int, *, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Crops `[B, Z, F]` and the numbers `[B]` of their voices."""
    random = np.random.default_rng(seed)
    while True:
        chosen = random.integers(len(voices), size=size)
        crops = []
        for voice in chosen:
            utterance = latents.of(int(random.choice(voices[voice])))
            first = int(random.integers(0, max(1, len(utterance) - n_frames + 1)))
            frames = np.arange(first, first + n_frames) % len(utterance)
            crop = utterance[frames].astype(np.float32).T
            crops.append(louder(crop, float(10 ** random.uniform(-0.4, 0.1))))
        yield torch.from_numpy(np.stack(crops)), torch.from_numpy(chosen)


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("likeness", "Learn to tell voices apart.")
    add_loop_options(parser, steps=3_000, save_every=500)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--frames", type=int, default=100, help="latent frames of a crop, 50 a second")
    parser.add_argument("--rate", type=float, default=2e-3)
    add_factors(parser)
    options = parser.parse_args(arguments)
    clock = start(options)
    items = with_faster(read_items(options.corpus), options.factors)
    latents = load_latents(
        load_sounds(items, options.work / "cache", rate=SAMPLE_RATE), options.work / "cache"
    )
    voices: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        if is_for_training(item):
            voices.setdefault(item.speaker, []).append(i)
    device = torch.device(options.device)
    encoder = VoiceEncoder().to(device)
    directions = nn.Linear(EMBEDDING, len(voices), bias=False).to(device)
    optimiser = torch.optim.AdamW([*encoder.parameters(), *directions.parameters()], weight_decay=0.01)
    parts: dict[str, Stateful] = {"encoder": encoder, "directions": directions, "optimiser": optimiser}
    loop = Loop(options, "likeness", options.work / "decoder" / "likeness.pt", parts, clock)
    drawn = batches(
        latents, list(voices.values()), options.batch, options.frames, seed=options.seed + loop.step
    )
    mask = torch.ones(options.batch, options.frames, dtype=torch.bool, device=device)

    def once(step: int) -> dict[str, float]:
        set_rate(cosine_rate(step, options.steps, peak=options.rate, warmup=100), optimiser)
        latent, voice = (part.to(device) for part in next(drawn))
        with torch.autocast(device.type, torch.bfloat16):
            embedding = encoder(latent, mask)
        cosines = embedding @ F.normalize(directions.weight, dim=1).T
        margins = MARGIN * F.one_hot(voice, len(voices))
        loss = F.cross_entropy(SCALE * (cosines - margins), voice)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        right = (cosines.argmax(1) == voice).float().mean()
        return {"cross_entropy": loss.item(), "right": right.item()}

    loop.run(once)


if __name__ == "__main__":
    main()
