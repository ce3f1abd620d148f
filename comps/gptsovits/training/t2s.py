"""Stage `t2s`: train the transformer from phonemes to semantic tokens.

Cross-entropy over all tokens and the end, and one thing more: in two layers, two heads are told to look at
the phoneme that the next token belongs to (known from the alignment). From a few hours of speech the model
learns by this within minutes what otherwise takes it most of the training: to read on steadily and to stop
at the end. Writes `t2s/model.safetensors` (an average of the weights over time) and `t2s/training.pt` to go
on from.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from comps.gptsovits.networks.layers.masks import length_mask
from comps.gptsovits.networks.t2s import T2S, T2SConfig
from comps.gptsovits.networks.t2s.block import Block
from comps.gptsovits.networks.t2s.model import attention_mask
from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.training.averages import Average
from comps.gptsovits.training.codebook import load_tokens, save_tokens
from comps.gptsovits.training.labels import load_alignments
from comps.gptsovits.training.loop import Loop, Stateful, add_loop_options, set_rate
from comps.gptsovits.training.pieces import Example, ExampleMaker, TokenUtterance
from comps.gptsovits.training.progress import (
    cosine_rate,
    stage_parser,
    start,
)
from comps.gptsovits.training.sounds import Sounds, load_sounds
from comps.gptsovits.training.split import Item, train_items
from comps.gptsovits.training.tokenizer import Tokenizer

PROMPT_TAIL_SAMPLES = 9_600  # of silence that inference appends to a reference, at 16 kHz
FACTORS = (0.9, 1.0, 1.12)  # each utterance as three voices and tempos
BERT_DIM = 16  # English has no BERT features; the layer is there because the layout has it
GUIDED_HEADS = 2
GUIDANCE = 0.5  # weight of their loss
TEMPERATURE = 0.4
DROPOUT = 0.2
OWN_TOKENS = 0.25  # mean share of the tokens read that the model made up
NORMALISER_WEIGHT = 0.01
IGNORED = -100


@dataclass(frozen=True)
class Rows:
    """A batch. `targets [B, S + 1]` hold the token or end to predict, IGNORED past it; `symbol` likewise."""

    phonemes: Tensor  # [B, P]
    n_phonemes: Tensor  # [B]
    tokens: Tensor  # [B, S]
    targets: Tensor
    symbol: Tensor

    def to(self, device: str | torch.device) -> "Rows":
        return Rows(**{name: value.to(device) for name, value in vars(self).items()})


def collate(examples: Sequence[Example], end_token: int, noise: float, rng: np.random.Generator) -> Rows:
    """Examples padded to one size; of the tokens that are read, a share `noise` is replaced."""
    p = max(len(e.phonemes) for e in examples)
    s = max(len(e.tokens) for e in examples)
    phonemes = np.zeros((len(examples), p), np.int64)
    tokens = np.zeros((len(examples), s), np.int64)
    targets = np.full((len(examples), s + 1), IGNORED, np.int64)
    symbol = np.zeros((len(examples), s + 1), np.int64)
    for row, example in enumerate(examples):
        n = len(example.tokens)
        phonemes[row, : len(example.phonemes)] = example.phonemes
        targets[row, :n] = example.tokens
        targets[row, n] = end_token
        symbol[row, :n] = example.symbol
        symbol[row, n] = len(example.phonemes) - 1
        wrong = rng.random(n) < noise
        tokens[row, :n] = np.where(wrong, rng.integers(0, end_token, n), example.tokens)
    return Rows(
        phonemes=torch.from_numpy(phonemes),
        n_phonemes=torch.tensor([len(e.phonemes) for e in examples]),
        tokens=torch.from_numpy(tokens),
        targets=torch.from_numpy(targets),
        symbol=torch.from_numpy(symbol),
    )


@torch.no_grad()
def misled(model: T2S, rows: Rows, share: float, temperature: float = 0.7) -> Rows:
    """The batch with tokens replaced by what the model itself would have said there.

    At inference every token follows the model's own, and from small mistakes it drifts: sounds are rushed,
    words skipped. So some rows are read with hardly any of their tokens replaced, some with `2 * share` of
    them; what is to be predicted stays the truth.
    """
    model.eval()
    logits = model(rows.phonemes, None, rows.tokens, rows.n_phonemes)[:, :-1, :-1].float()  # no end
    model.train()
    said = torch.distributions.Categorical(logits=logits / temperature).sample()
    shares = 2 * share * torch.rand(len(said), 1, device=said.device)
    replaced = torch.rand(said.shape, device=said.device) < shares
    return replace(rows, tokens=torch.where(replaced, said, rows.tokens))


def with_dropout(model: T2S, share: float) -> None:
    """While it trains, a share of what goes in, and of what each layer adds to it, is left out.

    A model of a few hours of text learns them by heart otherwise: 61 % of training's tokens were right, 44 %
    of others. The network itself, which is made to serve, knows nothing of it.
    """

    def drop(module: nn.Module, _: Any, y: Tensor) -> Tensor:
        return F.dropout(y, share, training=module.training)

    branches = [
        layer for block in model.blocks if isinstance(block, Block) for layer in (block.out, block.contract)
    ]
    for layer in (model.phoneme_embedding, model.token_embedding, *branches):
        layer.register_forward_hook(drop)


def guided_layers(n_layers: int) -> tuple[int, ...]:
    """The two layers, of so many, whose heads are told where to look."""
    return n_layers // 2, min(n_layers // 2 + 1, n_layers - 1)


def guided_forward(model: T2S, rows: Rows, guided: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Logits [B, S + 1, V] as `T2S.forward` gives them, and what the guided heads look at.

    The latter is log-attention [B, H, S + 1, P] of the first heads of the layers `guided`, side by side.
    """
    size = rows.phonemes.shape[1]
    x = torch.cat([model.embed_phonemes(rows.phonemes, None), model.embed_tokens(rows.tokens)], 1)
    visible = torch.cat(
        [length_mask(rows.n_phonemes, size), torch.ones_like(rows.tokens, dtype=torch.bool)], 1
    )
    mask = attention_mask(size, rows.tokens.shape[1], x.device) & visible[:, None, None]
    picks = torch.cat(
        [
            (rows.n_phonemes - 1)[:, None],
            torch.arange(size, x.shape[1], device=x.device).expand(len(x), -1),
        ],
        1,
    )  # [B, S + 1]: the positions whose output predicts a token
    looks: list[Tensor] = []
    for layer, block in enumerate(model.blocks):
        assert isinstance(block, Block)
        if layer in guided:
            query, key, _ = block._project(x)
            query = query[:, :GUIDED_HEADS].gather(
                2, picks[:, None, :, None].expand(-1, GUIDED_HEADS, -1, query.shape[-1])
            )
            scores = query.float() @ key[:, :GUIDED_HEADS].float().transpose(-1, -2) * query.shape[-1] ** -0.5
            seen = mask.expand(len(x), -1, -1, -1)[:, 0].gather(
                1, picks[..., None].expand(-1, -1, mask.shape[-1])
            )
            scores = scores.masked_fill(~seen[:, None], -1e9)
            looks.append(scores.log_softmax(-1)[..., :size])
        x, _, _ = block(x, mask)
    out = x.gather(1, picks[..., None].expand(-1, -1, x.shape[-1]))
    return model.head(out), torch.cat(looks, 1)


def loss_of(
    model: T2S, rows: Rows, guided: tuple[int, ...], guidance: float
) -> tuple[Tensor, dict[str, float]]:
    """The loss to descend, and what to report."""
    logits, looks = guided_forward(model, rows, guided)
    logits = logits.float()
    main = F.cross_entropy(logits.flatten(0, 1), rows.targets.flatten(), ignore_index=IGNORED)
    real = rows.targets != IGNORED
    wanted = looks.gather(-1, rows.symbol[:, None, :, None].expand(-1, looks.shape[1], -1, 1))[..., 0]
    aside = -(wanted * real[:, None]).sum() / (looks.shape[1] * real.sum())
    right = ((logits.argmax(-1) == rows.targets) & real).sum() / real.sum()
    report = {"cross_entropy": float(main.detach()), "guidance": float(aside.detach()), "right": float(right)}
    # Logits near log-probabilities, rather than those plus any constant: a repetition penalty multiplies
    # logits, so that with a constant it would mean something else at every step.
    normaliser = (logits.logsumexp(-1).square() * real).sum() / real.sum()
    return main + guidance * aside + NORMALISER_WEIGHT * normaliser, report | {
        "normaliser": float(normaliser.detach())
    }


def tokens_at(
    factor: float, items: list[Item], sounds: Sounds, work: Path, device: str
) -> dict[str, NDArray[np.int64]]:
    """Tokens of every utterance resampled by `factor`, silent tail included; made once, then read."""
    path = work / "t2s" / f"tokens-{factor:g}.npz"
    if path.exists():
        return load_tokens(path)
    tokenizer = Tokenizer(work, device=device)
    tokens = {}
    for i, item in enumerate(tqdm(items, desc=f"tokens at {factor:g}")):
        tokens[item.file] = tokenizer.encode(resampled(sounds.waveform(i), factor), tail=PROMPT_TAIL_SAMPLES)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_tokens(path, tokens)
    return tokens


def resampled(waveform: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """The same samples played `factor` times as fast (linear interpolation)."""
    if factor == 1.0:
        return waveform
    places = np.arange(int(len(waveform) / factor)) * factor
    return np.interp(places, np.arange(len(waveform)), waveform).astype(np.float32)


def utterances_by_voice(
    items: list[Item], sounds: Sounds, work: Path, device: str, factors: tuple[float, ...]
) -> dict[str, list[TokenUtterance]]:
    """Utterances of each voice; resampling makes another voice of it, so each factor is one of its own."""
    voices: dict[str, list[TokenUtterance]] = defaultdict(list)
    alignments = load_alignments(work / "alignment.npz", items)
    for factor in factors:
        tokens = tokens_at(factor, items, sounds, work, device)
        for i, item in enumerate(items):
            n_samples = int(len(sounds.waveform(i)) / factor)
            n_speech = ((n_samples - 400) // 320 + 1) // 2
            voices[f"{item.speaker}@{factor:g}"].append(
                TokenUtterance(item.phones, alignments[i], tokens[item.file], n_speech, factor)
            )
    return dict(voices)


def batch_of(
    maker: ExampleMaker, rng: np.random.Generator, *, ease: float, positions: int, pool: list[list[Example]]
) -> list[Example]:
    """The next batch of at most `positions` padded positions; `pool` keeps what is drawn but not used yet."""
    if not pool:
        drawn = sorted((maker.draw(rng, ease=ease) for _ in range(256)), key=lambda e: e.size)
        batch: list[Example] = []
        for example in drawn:
            if batch and (len(batch) + 1) * example.size > positions:
                pool.append(batch)
                batch = []
            batch.append(example)
        rng.shuffle(pool)
    return pool.pop()


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("t2s", "Train text to semantic tokens.")
    add_loop_options(parser, steps=4_000, save_every=100)
    parser.add_argument("--positions", type=int, default=5_000, help="phonemes and tokens in a batch")
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument(
        "--easy-share", type=float, default=0.15, help="share of the steps, from short rows on"
    )
    parser.add_argument("--guidance", type=float, default=GUIDANCE, help="weight of the guided heads' loss")
    parser.add_argument(
        "--temperature",
        type=float,
        default=TEMPERATURE,
        help="built into the saved weights: what sampling at temperature 1 amounts to",
    )
    parser.add_argument("--noise", type=float, default=0.05)
    parser.add_argument("--dropout", type=float, default=DROPOUT)
    parser.add_argument(
        "--own-tokens",
        type=float,
        default=OWN_TOKENS,
        help="mean share of the tokens read that the model made up",
    )
    parser.add_argument("--factors", type=float, nargs="*", default=list(FACTORS))
    options = parser.parse_args(arguments)
    clock = start(options)
    folder: Path = options.work / "t2s"
    folder.mkdir(parents=True, exist_ok=True)
    items = train_items(options.corpus)
    sounds = load_sounds(items, options.work / "cache" / "train")
    device = options.device
    maker = ExampleMaker(utterances_by_voice(items, sounds, options.work, device, tuple(options.factors)))
    n_bins = Tokenizer(options.work).n_bins

    config = T2SConfig(
        n_symbols=len(symbol_table("v2")),
        vocab_size=n_bins + 1,
        dim=options.dim,
        n_heads=options.heads,
        ffn_dim=4 * options.dim,
        n_layers=options.layers,
        bert_dim=BERT_DIM,
    )
    model = T2S(config).to(device)
    with_dropout(model, options.dropout)
    for embedding in (model.phoneme_embedding, model.token_embedding):
        torch.nn.init.normal_(embedding.weight, std=0.3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    average = Average(model, decay=0.998)
    parts: dict[str, Stateful] = {"model": model, "optimizer": optimizer, "average": average}
    loop = Loop(options, "t2s", folder / "training.pt", parts, clock)
    (folder / "config.json").write_text(json.dumps(asdict(config), indent=1) + "\n", encoding="utf-8")
    guided = guided_layers(options.layers)
    pool: list[list[Example]] = []
    rng = np.random.default_rng([options.seed, loop.step])
    warmup = min(200, options.steps // 10 + 1)

    def once(step: int) -> dict[str, float]:
        set_rate(cosine_rate(step, options.steps, peak=options.rate, warmup=warmup), optimizer)
        ease = max(0.0, 1.0 - step / max(1.0, options.easy_share * options.steps))
        examples = batch_of(maker, rng, ease=ease, positions=options.positions, pool=pool)
        rows = collate(examples, config.end_token, options.noise, rng).to(device)
        with torch.autocast(device.split(":")[0], torch.bfloat16):
            rows = misled(model, rows, options.own_tokens)
            loss, report = loss_of(model, rows, guided, guidance=options.guidance)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update(model, step)
        return report

    def keep(step: int) -> None:
        save_average(folder / "model.safetensors", average.state_dict(), options.temperature)

    model.train()
    loop.run(once, after_save=keep)


def saved_config(work: Path) -> T2SConfig:
    """The sizes of the T2S in a work folder. FileNotFoundError where this stage has not run."""
    return T2SConfig(**json.loads((work / "t2s" / "config.json").read_text("utf-8")))


def save_average(path: Path, average: dict[str, Tensor], temperature: float) -> None:
    """Write the averaged weights, sharpened: logits are divided by `temperature`.

    A model of a few hours of speech spreads its guesses too widely to be sampled as it is: it makes a third
    more phoneme errors. Official models are sampled at temperature 1, so this one is made to be.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in average.items()}
    tensors["head.weight"] = tensors["head.weight"] / temperature
    fresh = path.with_suffix(".partial")
    save_file(tensors, fresh)
    fresh.replace(path)


if __name__ == "__main__":
    main()
