"""Stage `codebook`: 25 tokens a second from the content features.

Two frames are averaged and mapped by linear discriminant analysis to the directions that tell phonemes (and
the place within them) apart, in units of what varies without meaning: who speaks lies mostly in what is
dropped. K-means there gives the codebook. Map and averaging together are one strided convolution, the
quantizer's. Writes `codebook.safetensors`, `tokens.npz` (every training utterance) and `token_phones.npz`
(what each token mostly is), and prints how much of the phonemes the tokens keep and how much of the
speaker.
"""

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy.linalg import eigh
from tqdm import tqdm

from comps.gptsovits.training.alignment import PHONES, chain_of
from comps.gptsovits.training.content import N_CLASSES, phone_of_class
from comps.gptsovits.training.features import edit_distance
from comps.gptsovits.training.labels import load_alignments
from comps.gptsovits.training.progress import stage_parser, start
from comps.gptsovits.training.rows import load_rows, save_rows
from comps.gptsovits.training.sounds import Sounds, load_sounds
from comps.gptsovits.training.split import Item, heldout_items, train_items
from comps.gptsovits.training.tokenizer import Tokenizer, load_content, token_centres

PLACES = 3  # a phoneme's beginning, middle and end count as classes of their own for the analysis


def pooled_features(sounds: Sounds, work: Path, device: str) -> list[NDArray[np.float32]]:
    """Averages of two frames each, [S, C] per utterance."""
    encoder = load_content(work).to(device)
    pooled = []
    with torch.no_grad():
        for i in tqdm(range(len(sounds)), desc="content features"):
            features = encoder(torch.from_numpy(sounds.waveform(i))[None].to(device))[0]  # [C, T]
            pairs = features[:, : features.shape[1] // 2 * 2].unflatten(1, (-1, 2)).mean(2)
            pooled.append(pairs.T.cpu().numpy())
    return pooled


def token_classes(
    items: list[Item], sounds: Sounds, work: Path
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of all tokens in a row: the frame class at their centre, and class and place in one number."""
    classes, fine = [], []
    for i, alignment in enumerate(load_alignments(work / "alignment.npz", items)):
        n_samples = int(sounds.starts[i + 1] - sounds.starts[i])
        n_tokens = ((n_samples - 400) // 320 + 1) // 2
        targets = alignment.targets_at(token_centres(n_tokens), n_samples)
        place = np.minimum((targets.place * PLACES).astype(np.int64), PLACES - 1)
        classes.append(targets.classes)
        fine.append(targets.classes * PLACES + np.where(targets.classes == 0, 0, place))
    return np.concatenate(classes), np.concatenate(fine)


def discriminant_map(
    x: NDArray[np.float32], classes: NDArray[np.int64], dim: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(map [dim, C], centre [C]): directions of most variance between classes, unit variance within them."""
    centre = x.mean(0)
    means = np.zeros((classes.max() + 1, x.shape[1]))
    counts = np.bincount(classes)
    np.add.at(means, classes, x)
    means /= np.maximum(counts, 1)[:, None]
    within = np.cov((x - means[classes]).T) + 1e-4 * np.eye(x.shape[1]) * x.var()
    spread = (means - centre) * np.sqrt(counts / len(x))[:, None]
    _, vectors = eigh(spread.T @ spread, within)
    return vectors[:, ::-1][:, :dim].T.astype(np.float32), centre.astype(np.float32)


def k_means(x: torch.Tensor, n_bins: int, *, rounds: int, generator: torch.Generator) -> torch.Tensor:
    """Centres [n_bins, D] of points [N, D]: k-means++, Lloyd's rounds, empty bins moved to far points."""
    sample = x[torch.randperm(len(x), generator=generator)[:20_000]]
    centres = sample[:1]
    distance = (sample - centres).pow(2).sum(1)
    for _ in range(n_bins - 1):
        chosen = sample[torch.multinomial(distance, 1, generator=generator)]
        centres = torch.cat([centres, chosen])
        distance = torch.minimum(distance, (sample - chosen).pow(2).sum(1))
    for _ in tqdm(range(rounds), desc="k-means"):
        nearest, far = _nearest(x, centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, x)
        counts = torch.bincount(nearest, minlength=n_bins)
        centres = sums / counts.clamp(min=1)[:, None]
        empty = torch.nonzero(counts == 0)[:, 0]
        if len(empty):
            centres[empty] = x[far.topk(len(empty)).indices]
    return centres


def _nearest(x: torch.Tensor, centres: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    nearest, distance = [], []
    for part in x.split(16_384):
        scores = centres.pow(2).sum(1) - 2.0 * part @ centres.T
        best = scores.min(1)
        nearest.append(best.indices)
        distance.append(best.values + part.pow(2).sum(1))
    return torch.cat(nearest), torch.cat(distance)


def purity(tokens: NDArray[np.int64], phones: NDArray[np.int64]) -> tuple[float, NDArray[np.int64]]:
    """(share of tokens whose phoneme is the most frequent one of their bin, that phoneme of each bin)."""
    table = np.zeros((tokens.max() + 1, len(PHONES)), np.int64)
    np.add.at(table, (tokens, phones), 1)
    return float(table.max(1).sum() / len(tokens)), table.argmax(1)


def speaker_share(tokens: list[NDArray[np.int64]], speakers: list[str], n_bins: int) -> tuple[float, float]:
    """How often the speaker is guessed from a histogram of an utterance's tokens, and how often by chance.

    The guess is the nearest (cosine, square-rooted counts) mean histogram of the voices' other utterances.
    """
    enough = {s for s in speakers if speakers.count(s) >= 10}
    chosen = [i for i, s in enumerate(speakers) if s in enough]
    if len(enough) < 2:
        return 0.0, 0.0
    counts = np.stack([np.sqrt(np.bincount(tokens[i], minlength=n_bins)) for i in chosen])
    counts /= np.linalg.norm(counts, axis=1, keepdims=True)
    owner = np.array([speakers[i] for i in chosen])
    names = np.array(sorted(enough))
    means = np.stack([counts[owner == name].mean(0) for name in names])
    right = 0
    for row, name in zip(counts, owner, strict=True):
        others = means.copy()
        mine = int(np.flatnonzero(names == name)[0])
        n = int((owner == name).sum())
        others[mine] = (means[mine] * n - row) / (n - 1)
        others /= np.linalg.norm(others, axis=1, keepdims=True)
        right += int((others @ row).argmax() == mine)
    return right / len(chosen), 1.0 / len(names)


def phones_of_tokens(tokens: NDArray[np.int64], phone_of_token: NDArray[np.int64]) -> list[int]:
    """The phonemes that tokens stand for, repeats joined and pauses dropped."""
    row = phone_of_token[tokens]
    return [int(p) for p in row[np.flatnonzero(np.diff(row, prepend=-1))] if p != 0]


def save_tokens(path: Path, tokens: dict[str, NDArray[np.int64]]) -> None:
    """Keep the tokens of each file of the corpus."""
    save_rows(path, "tokens", tokens)


def load_tokens(path: Path) -> dict[str, NDArray[np.int64]]:
    """Tokens [S] of each file of the corpus, as kept by `save_tokens`."""
    return load_rows(path, "tokens")


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("codebook", "Make the semantic codebook.")
    parser.add_argument("--bins", type=int, default=512)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args(arguments)
    start(options)
    items = train_items(options.corpus)
    sounds = load_sounds(items, options.work / "cache" / "train")
    pooled = pooled_features(sounds, options.work, options.device)
    classes, fine = token_classes(items, sounds, options.work)
    x = np.concatenate(pooled)
    matrix, centre = discriminant_map(x, fine, min(options.dim, x.shape[1]))
    mapped = torch.from_numpy((x - centre) @ matrix.T)
    generator = torch.Generator().manual_seed(options.seed)
    codebook = k_means(mapped, options.bins, rounds=options.rounds, generator=generator)
    half = torch.from_numpy(0.5 * matrix)
    save_file(
        {
            "quantizer.project.weight": torch.stack([half, half], 2).contiguous(),  # [D, C, 2]
            "quantizer.project.bias": torch.from_numpy(-matrix @ centre),
            "quantizer.codebook": codebook.contiguous(),
        },
        options.work / "codebook.safetensors",
    )
    nearest = _nearest(mapped, codebook)[0].numpy()
    tokens = np.split(nearest, np.cumsum([len(p) for p in pooled])[:-1])
    files = [item.file for item in items]
    save_tokens(options.work / "tokens.npz", dict(zip(files, tokens, strict=True)))
    assert classes.max() < N_CLASSES
    share, phone_of_token = purity(nearest, phone_of_class()[classes])
    np.savez(options.work / "token_phones.npz", phones=np.resize(phone_of_token, options.bins))
    report = {
        "bins": options.bins,
        "bins_used": len(np.unique(nearest)),
        "purity": share,
        **_heldout_report(options.corpus, options.work, phone_of_token, options.device),
    }
    guessed, chance = speaker_share(tokens, [item.speaker for item in items], options.bins)
    report |= {"speaker_guessed": guessed, "speaker_chance": chance}
    print(json.dumps({k: round(v, 4) for k, v in report.items()}))


def _heldout_report(
    corpus: Path, work: Path, phone_of_token: NDArray[np.int64], device: str
) -> dict[str, float]:
    """Phoneme errors of held-out voices read off their tokens alone: an upper bound, for repeats merge."""
    tokenizer = Tokenizer(work, device=device)
    test = heldout_items(corpus)
    sounds = load_sounds(test, work / "cache" / "heldout")
    wrong = total = 0
    for i, item in enumerate(test):
        said = [int(p) for p in chain_of(item.phones).phones if p != 0]
        tokens = np.minimum(tokenizer.encode(sounds.waveform(i)), len(phone_of_token) - 1)
        wrong += edit_distance(phones_of_tokens(tokens, phone_of_token), said)
        total += len(said)
    return {"token_phone_error_rate": wrong / max(1, total)}


if __name__ == "__main__":
    main()
