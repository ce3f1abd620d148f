"""Stage `decoder`, second half: the latents of speech from tokens, text and another clip of the voice.

Latents are measured, not learned (`latents`), so this half never touches a waveform: the semantic prior, the
style encoder and the coupling flow learn the likelihood of latents alone. Style always comes from *another*
utterance of the voice, so that it can't carry what is being said.

Tokens alone are ambiguous: two heads of the attention from content to text are told which phoneme each frame
belongs to, so that the text is read from early on.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch import Tensor, nn

from comps.gptsovits.dsp.spectrogram import magnitude_spectrogram
from comps.gptsovits.networks.layers.attention import Attention
from comps.gptsovits.networks.layers.masks import length_mask, masked
from comps.gptsovits.networks.semantic.prior import Prior
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.training.averages import Average
from comps.gptsovits.training.codebook import load_tokens
from comps.gptsovits.training.content import HOP_SAMPLES
from comps.gptsovits.training.labels import Alignment, load_alignments
from comps.gptsovits.training.latents import DEVIATION, Latents, load_latents
from comps.gptsovits.training.loop import Loop, Stateful, add_loop_options, set_rate
from comps.gptsovits.training.pieces import Piece, TokenUtterance
from comps.gptsovits.training.progress import (
    add_factors,
    cosine_rate,
    stage_parser,
    start,
)
from comps.gptsovits.training.sizes import HOP_LENGTH, N_FFT, SAMPLE_RATE, decoder_config
from comps.gptsovits.training.sounds import CONTENT_RATE, Sounds, load_sounds
from comps.gptsovits.training.split import Item, faster, is_for_training, read_items, with_faster

FRAMES_PER_TOKEN = 2
WRONG_TOKENS = 0.04  # share replaced at random: T2S will err too
GUESSED_TOKENS = 0.25  # mean share of those that T2S guessed, where its guesses are known
GUIDED_HEADS = 2
GUIDANCE_WEIGHT = 1.0
REFERENCE_FRAMES = (75, 250)  # 1.5 to 5 s of the other clip


@dataclass(frozen=True)
class Batch:
    tokens: Tensor  # [B, S]
    latent: Tensor  # [B, Z, F]
    frame_mask: Tensor  # [B, F]
    symbol: Tensor  # [B, F] index of the phoneme that each frame belongs to
    phonemes: Tensor  # [B, P]
    n_phonemes: Tensor  # [B]
    reference: Tensor  # [B, K, R] magnitudes
    reference_mask: Tensor  # [B, R]
    origin: tuple[tuple[int, int], ...]  # of each row: the utterance's number, the crop's first frame

    def to(self, device: torch.device) -> "Batch":
        """The same batch with its tensors on `device`."""
        moved: dict[str, Any] = {
            name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **moved)


@dataclass(frozen=True)
class Seen:
    """What a training step saw of the prior: two losses in nats a frame, and what they were taken from."""

    divergence: Tensor  # KL of the latents from the prior seen through the flow
    surprise: Tensor  # of the guided heads at the phoneme that the frame belongs to
    prior: Prior
    style: Tensor  # [B, G, 1]


@dataclass(frozen=True)
class Crop:
    """A stretch of an utterance: tokens `[S]`, the phoneme of each frame `[F]`, latents `[F, Z]`."""

    tokens: NDArray[np.int64]
    symbol: NDArray[np.int64]
    latent: NDArray[np.float16]
    first_frame: int


class Pairs:
    """Targets of training voices, each with another utterance of its voice as reference."""

    def __init__(
        self,
        items: list[Item],
        sounds: Sounds,
        latents: Latents,
        tokens: dict[str, NDArray[np.int64]],
        alignments: dict[str, Alignment],
    ) -> None:
        self.sounds, self.latents = sounds, latents
        self.pieces: dict[int, Piece] = {}
        self.voices: dict[str, list[int]] = {}
        for i, item in enumerate(items):
            if is_for_training(item):
                own = tokens[item.file]
                utterance = TokenUtterance(item.phones, alignments[item.file], own, len(own), item.factor)
                self.pieces[i] = utterance.piece()
                self.voices.setdefault(item.speaker, []).append(i)
        self.guesses: dict[int, NDArray[np.int64]] = {}  # of T2S, instead of some tokens
        self.n_bins = 1 + max(int(t.max()) for t in tokens.values())

    def batches(self, size: int, n_tokens: int, *, seed: int) -> Iterator[Batch]:
        random = np.random.default_rng(seed)
        # Voices with many utterances are chosen more often, but not in proportion: voices matter more.
        names = [name for name, members in self.voices.items() if len(members) > 1]
        weights = np.array([len(self.voices[name]) for name in names]) ** 0.6
        weights /= weights.sum()
        while True:
            chosen = [names[k] for k in random.choice(len(names), size, p=weights)]
            pairs = [random.choice(self.voices[name], 2, replace=False) for name in chosen]
            yield self._batch(random, [(int(a), int(b)) for a, b in pairs], n_tokens)

    def _batch(self, random: np.random.Generator, pairs: list[tuple[int, int]], n_tokens: int) -> Batch:
        rows = [self._target(random, target, n_tokens) for target, _ in pairs]
        phonemes = [self.pieces[target].phonemes for target, _ in pairs]
        references = [self._reference(random, other) for _, other in pairs]
        n_frames = torch.tensor([len(row.latent) for row in rows])
        latent = _padded([row.latent.astype(np.float32) for row in rows])
        return Batch(
            tokens=nn.utils.rnn.pad_sequence(
                [torch.from_numpy(row.tokens) for row in rows], batch_first=True
            ),
            symbol=nn.utils.rnn.pad_sequence(
                [torch.from_numpy(row.symbol) for row in rows], batch_first=True
            ),
            latent=latent.transpose(1, 2),
            frame_mask=length_mask(n_frames, int(n_frames.max())),
            phonemes=_padded(phonemes),
            n_phonemes=torch.tensor([len(p) for p in phonemes]),
            reference=nn.utils.rnn.pad_sequence([r.T for r in references], batch_first=True).transpose(1, 2),
            reference_mask=length_mask(
                torch.tensor([r.shape[1] for r in references]), max(r.shape[1] for r in references)
            ),
            origin=tuple((target, row.first_frame) for (target, _), row in zip(pairs, rows, strict=True)),
        )

    def _target(self, random: np.random.Generator, index: int, n_tokens: int) -> Crop:
        """A crop of one utterance."""
        piece, latent = self.pieces[index], self.latents.of(index)
        length = min(len(piece.tokens), len(latent) // FRAMES_PER_TOKEN)
        n = min(n_tokens, length)
        first = int(random.integers(0, length - n + 1))
        tokens = piece.tokens[first : first + n]
        if index in self.guesses:
            guessed = random.random(n) < random.uniform(0.0, 2 * GUESSED_TOKENS)
            tokens = np.where(guessed, self.guesses[index][first : first + n], tokens)
        wrong = random.random(n) < WRONG_TOKENS
        frames = slice(first * FRAMES_PER_TOKEN, (first + n) * FRAMES_PER_TOKEN)
        return Crop(
            tokens=np.where(wrong, random.integers(0, self.n_bins, n), tokens),
            symbol=np.repeat(piece.symbol[first : first + n], FRAMES_PER_TOKEN),
            latent=latent[frames],
            first_frame=frames.start,
        )

    def _reference(self, random: np.random.Generator, index: int) -> Tensor:
        waveform = self.sounds.waveform(index)
        n = min(int(random.integers(*REFERENCE_FRAMES)) * HOP_LENGTH, len(waveform))
        first = int(random.integers(0, len(waveform) - n + 1))
        gain = np.float32(10 ** random.uniform(-0.4, 0.1))
        piece = torch.from_numpy(waveform[first : first + n] * gain)[None]
        return magnitude_spectrogram(piece, n_fft=N_FFT, hop_length=HOP_LENGTH)[0]  # [K, R]


def _padded(rows: Sequence[NDArray[Any]]) -> Tensor:
    return nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)


def look(decoder: VitsDecoder, batch: Batch) -> Seen:
    """One forward pass of style, prior and flow over a batch."""
    style = decoder.style_encoder(batch.reference, batch.reference_mask)
    text_mask = length_mask(batch.n_phonemes, batch.phonemes.shape[1])
    looks = Looks(decoder.prior.mrte.attention)
    prior = decoder.prior(
        decoder.content(batch.tokens),
        batch.phonemes,
        style,
        content_mask=batch.frame_mask,
        text_mask=text_mask,
    )
    z = masked(batch.latent + torch.randn_like(batch.latent) * DEVIATION, batch.frame_mask)
    mapped = decoder.flow(z, style, batch.frame_mask).float()
    mean, log_std = prior.mean.float(), prior.log_std.float()
    nats = log_std - math.log(DEVIATION) - 0.5 + 0.5 * (mapped - mean).square() * (-2 * log_std).exp()
    n_frames = batch.frame_mask.sum()
    index = batch.symbol[:, None, :, None].expand(-1, GUIDED_HEADS, -1, 1)
    surprise = -looks.taken().gather(-1, index)[..., 0]  # [B, H, F]
    return Seen(
        divergence=masked(nats, batch.frame_mask).sum() / n_frames,
        surprise=masked(surprise, batch.frame_mask).sum() / (GUIDED_HEADS * n_frames),
        prior=prior,
        style=style,
    )


class Looks:
    """Sees one call of an attention layer, and says where its guided heads looked."""

    def __init__(self, attention: Attention) -> None:
        self._attention = attention
        self._call: tuple[Tensor, Tensor, Tensor] | None = None
        self._hook = attention.register_forward_pre_hook(self._see)

    def _see(self, _: nn.Module, call: tuple[Tensor, Tensor, Tensor]) -> None:
        self._call = call

    def taken(self) -> Tensor:
        """Log-attention `[B, H, F, P]` of the guided heads."""
        self._hook.remove()
        assert self._call is not None
        content, text, text_mask = self._call
        heads = (self._attention.n_heads, -1)
        query = self._attention.query(content).unflatten(1, heads)[:, :GUIDED_HEADS].float()  # [B, H, D, F]
        key = self._attention.key(text).unflatten(1, heads)[:, :GUIDED_HEADS].float()  # [B, H, D, P]
        scores = query.transpose(2, 3) @ key * query.shape[2] ** -0.5
        return scores.masked_fill(~text_mask[:, None, None], -1e4).log_softmax(-1)


def new_decoder(work: Path) -> VitsDecoder:
    """The bundled model's decoder around the codebook of the `codebook` stage, which stays as it is."""
    tensors = load_file(work / "codebook.safetensors")
    codebook, project = tensors["quantizer.codebook"], tensors["quantizer.project.weight"]
    config = decoder_config(
        n_symbols=len(symbol_table("v2")),
        n_bins=codebook.shape[0],
        content_dim=project.shape[1],
        feature_dim=codebook.shape[1],
    )
    decoder = VitsDecoder(config)
    decoder.quantizer.load_state_dict(
        {name.removeprefix("quantizer."): torch.from_numpy(value) for name, value in tensors.items()}
    )
    decoder.quantizer.requires_grad_(False)
    decoder.vocoder.requires_grad_(False)
    with torch.no_grad():
        # Magnitudes reach the hundreds: the first layer starts small enough for them.
        decoder.style_encoder.spectral[0].weight.mul_(0.1)  # type: ignore[operator]
    return decoder


def load_pairs(corpus: Path, work: Path, factors: Sequence[float] = ()) -> Pairs:
    """What the stages before left in the work folder, as targets and references.

    Each of `factors` adds every voice once more, played so much faster, with the tokens `t2s` keeps of it.
    """
    everything = read_items(corpus)
    heard = [item for item in everything if is_for_training(item)]
    tokens = load_tokens(work / "tokens.npz")
    alignments = dict(
        zip([i.file for i in heard], load_alignments(work / "alignment.npz", heard), strict=True)
    )
    for factor in factors:
        kept = load_tokens(work / "t2s" / f"tokens-{factor:g}.npz")
        for item in heard:
            quick = faster(item, factor)
            n_samples = int(item.seconds * CONTENT_RATE / factor)
            tokens[quick.file] = kept[item.file][: (n_samples // HOP_SAMPLES - 1) // 2]  # not its silent tail
            alignments[quick.file] = alignments[item.file]
    items = with_faster(everything, factors)
    sounds = load_sounds(items, work / "cache", rate=SAMPLE_RATE)
    return Pairs(items, sounds, load_latents(sounds, work / "cache"), tokens, alignments)


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("prior", "Learn latents from tokens, text and style.")
    add_loop_options(parser, steps=12_000, save_every=500)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=72, help="tokens of a crop, 25 a second")
    parser.add_argument("--rate", type=float, default=6e-4)
    add_factors(parser)
    options = parser.parse_args(arguments)
    clock = start(options)
    work: Path = options.work
    pairs = load_pairs(options.corpus, work, options.factors)
    device = torch.device(options.device)
    decoder = new_decoder(work).to(device)
    average = Average(decoder)
    trained = [p for p in decoder.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    parts: dict[str, Stateful] = {"model": decoder, "average": average, "optimiser": optimiser}
    loop = Loop(options, "prior", work / "decoder" / "prior.pt", parts, clock)
    batches = pairs.batches(options.batch, options.tokens, seed=options.seed + loop.step)

    def once(step: int) -> dict[str, float]:
        set_rate(cosine_rate(step, options.steps, peak=options.rate, warmup=300, floor=0.05), optimiser)
        batch = next(batches).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            seen = look(decoder, batch)
        loss = seen.divergence + GUIDANCE_WEIGHT * seen.surprise
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 50.0)
        optimiser.step()
        average.update(decoder, step)
        return {"divergence": seen.divergence.item(), "surprise": seen.surprise.item()}

    loop.run(once)


if __name__ == "__main__":
    main()
