"""Stage `features`: train the content encoder to tell phonemes, whoever says them.

Gaussian models align the text (`bootstrap`), the encoder learns the class of every frame, aligns better
itself, and learns on. Every utterance is heard each time at another speed and pitch (one resampling
factor), another level, another tilt of its spectrum and over other noise, so that what is left in the
features is what was said. Writes `content/` (config.json, model.safetensors), `content/heads.pt` and
`alignment.npz`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.signal import lfilter
from torch import Tensor
from tqdm import tqdm

from comps.gptsovits.training.alignment import Chain, chain_of, viterbi
from comps.gptsovits.training.bootstrap import HOP, flat_start
from comps.gptsovits.training.content import (
    FRAME_SAMPLES,
    HOP_SAMPLES,
    N_CLASSES,
    ContentTeacher,
    class_of,
    content_config,
    phone_of_class,
)
from comps.gptsovits.training.labels import Alignment, load_alignments, save_states
from comps.gptsovits.training.loop import set_rate
from comps.gptsovits.training.progress import (
    LossLog,
    cosine_rate,
    load_checkpoint,
    save_checkpoint,
    stage_parser,
    start,
)
from comps.gptsovits.training.sounds import Sounds, load_sounds
from comps.gptsovits.training.split import Item, heldout_items, train_items

SLOWEST, FASTEST = 0.85, 1.2
BATCH_SECONDS = 32.0
PEAK_RATE = 7e-4
_TOGETHER = 8


@dataclass(frozen=True)
class Batch:
    waveforms: Tensor  # [B, N]
    classes: Tensor  # [B, T]
    before: Tensor
    after: Tensor
    place: Tensor


def disguise(
    waveform: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], float, int]:
    """Another voice saying the same: (samples, factor of speed and pitch, zeros put in front)."""
    factor = float(np.exp(rng.uniform(np.log(SLOWEST), np.log(FASTEST))))
    length = int(len(waveform) / factor)
    x = np.interp(np.arange(length) * factor, np.arange(len(waveform)), waveform)
    tilt = rng.uniform(-0.5, 0.5)
    x = lfilter([1.0, -tilt], [1.0], x) * 10.0 ** rng.uniform(-1.0, 0.3)
    if rng.random() < 0.7:
        level = np.sqrt(np.mean(x**2)) * 10.0 ** (-rng.uniform(10.0, 45.0) / 20.0)
        noise = lfilter([1.0], [1.0, -rng.uniform(0.0, 0.95)], rng.standard_normal(length))
        x = x + noise * (level / (noise.std() + 1e-9))
    lead = int(rng.integers(0, 3_200)) if rng.random() < 0.5 else 0
    tail = int(rng.integers(0, 9_600)) if rng.random() < 0.5 else 0
    return np.concatenate([np.zeros(lead), x, np.zeros(tail)]).astype(np.float32), factor, lead


def batches(
    sounds: Sounds, alignments: list[Alignment], rng: np.random.Generator, *, batch_seconds: float
) -> Iterator[Batch]:
    """One pass over all utterances in batches of similar length, in random order."""
    for group in length_groups(sounds, rng, batch_seconds=batch_seconds):
        heard = [disguise(sounds.waveform(i), rng) for i in group]
        longest = max(len(x) for x, _, _ in heard)
        n_frames = (longest - FRAME_SAMPLES) // HOP_SAMPLES + 1
        centres = np.arange(n_frames) * HOP_SAMPLES + FRAME_SAMPLES / 2
        rows = []
        for i, (_, factor, lead) in zip(group, heard, strict=True):
            rows.append(alignments[i].targets_at((centres - lead) * factor, len(sounds.waveform(i))))
        yield Batch(
            waveforms=torch.from_numpy(np.stack([np.pad(x, (0, longest - len(x))) for x, _, _ in heard])),
            classes=torch.from_numpy(np.stack([row.classes for row in rows])),
            before=torch.from_numpy(np.stack([row.before for row in rows])),
            after=torch.from_numpy(np.stack([row.after for row in rows])),
            place=torch.from_numpy(np.stack([row.place for row in rows])),
        )


def length_groups(sounds: Sounds, rng: np.random.Generator, *, batch_seconds: float) -> list[list[int]]:
    """All utterances in groups of similar length and about `batch_seconds` each, shuffled."""
    jitter = rng.uniform(0.9, 1.1, len(sounds))
    lengths = np.diff(sounds.starts) / sounds.rate
    groups: list[list[int]] = [[]]
    for i in np.argsort(lengths * jitter):
        if groups[-1] and (len(groups[-1]) + 1) * lengths[i] > batch_seconds:
            groups.append([])
        groups[-1].append(int(i))
    rng.shuffle(groups)
    return groups


def loss_of(teacher: ContentTeacher, batch: Batch) -> tuple[Tensor, float]:
    """The loss to descend and the share of frames whose class is right."""
    classes, before, after, place = teacher(batch.waveforms)
    main = F.cross_entropy(classes.float().flatten(0, 1), batch.classes.flatten())
    sides = F.cross_entropy(before.float().flatten(0, 1), batch.before.flatten())
    sides = sides + F.cross_entropy(after.float().flatten(0, 1), batch.after.flatten())
    inside = F.mse_loss(place.float(), batch.place)
    right = (classes.argmax(-1) == batch.classes).float().mean()
    return main + 0.1 * sides + 0.5 * inside, float(right)


@torch.no_grad()
def posteriors(teacher: ContentTeacher, sounds: Sounds, device: str) -> list[NDArray[np.float32]]:
    """Log-probability of each class in each frame of every utterance, [T, N_CLASSES] each."""
    teacher.eval()
    lengths = np.diff(sounds.starts)
    scores: list[NDArray[np.float32]] = [np.zeros((0, N_CLASSES), np.float32)] * len(sounds)
    order = np.argsort(lengths)
    for begin in tqdm(range(0, len(order), _TOGETHER), desc="posteriors"):
        group = order[begin : begin + _TOGETHER]  # neighbours in length: next to no padding
        longest = int(lengths[group].max())
        rows = [np.pad(x, (0, longest - len(x))) for x in (sounds.waveform(int(i)) for i in group)]
        with torch.autocast(device.split(":")[0], torch.bfloat16):
            logits = teacher(torch.from_numpy(np.stack(rows)).to(device))[0]
        for i, row in zip(group, logits.float().log_softmax(-1).cpu().numpy(), strict=True):
            scores[i] = row[: (lengths[i] - FRAME_SAMPLES) // HOP_SAMPLES + 1]
    return scores


def realign(
    teacher: ContentTeacher, sounds: Sounds, chains: list[Chain], device: str
) -> list[NDArray[np.int64]]:
    """Chain states per 10 ms found with the encoder itself."""
    scores = posteriors(teacher, sounds, device)
    prior = np.log(np.exp(np.concatenate(scores)).mean(0) + 1e-5)
    classes = [class_of(chain.phones, chain.stress) for chain in chains]
    order = np.argsort([len(score) for score in scores])
    states: list[NDArray[np.int64]] = [np.zeros(0, np.int64)] * len(scores)
    for begin in range(0, len(order), 64):
        group = order[begin : begin + 64]
        found, _ = viterbi([scores[i] - 0.6 * prior for i in group], [classes[i] for i in group])
        for i, path in zip(group, found, strict=True):
            n_fine = (len(sounds.waveform(i)) - FRAME_SAMPLES) // HOP + 1
            states[i] = path[np.minimum(np.arange(n_fine) // 2, len(path) - 1)]
    return states


def decode(scores: NDArray[np.float32], *, switch: float = 3.0) -> list[int]:
    """The phonemes in a row that frames sound like: the best path that pays `switch` for each change of
    class.
    """
    phones = phone_of_class()
    best = scores[0].copy()
    back = np.zeros(scores.shape, np.int64)
    for t in range(1, len(scores)):
        jump = int(best.argmax())
        moves = best[jump] - switch > best
        back[t] = np.where(moves, jump, np.arange(scores.shape[1]))
        best = np.where(moves, best[jump] - switch, best) + scores[t]
    state = int(best.argmax())
    path = [state]
    for t in range(len(scores) - 1, 0, -1):
        state = int(back[t, state])
        path.append(state)
    row = phones[np.array(path[::-1])]
    changed = np.flatnonzero(np.diff(row, prepend=-1))
    return [int(p) for p in row[changed] if p != 0]


def edit_distance(found: list[int], said: list[int]) -> int:
    """Insertions, deletions and substitutions between two rows."""
    row = list(range(len(said) + 1))
    for i, f in enumerate(found, 1):
        previous, row[0] = row[0], i
        for j, s in enumerate(said, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (f != s))
    return row[-1]


def phone_error_rate(teacher: ContentTeacher, items: list[Item], sounds: Sounds, device: str) -> float:
    """Phoneme errors per phoneme on `items`, decoded freely (no language model)."""
    wrong = total = 0
    for item, scores in zip(items, posteriors(teacher, sounds, device), strict=True):
        said = [int(p) for p in chain_of(item.phones).phones if p != 0]
        wrong += edit_distance(decode(scores), said)
        total += len(said)
    return wrong / total


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("features", "Train the content encoder.")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--realign-after", type=int, nargs="*", default=[2, 4])
    parser.add_argument("--batch-seconds", type=float, default=BATCH_SECONDS)
    parser.add_argument("--rounds", type=int, default=10, help="of Viterbi training for the first alignment")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    options = parser.parse_args(arguments)
    clock = start(options)
    folder: Path = options.work / "content"
    folder.mkdir(parents=True, exist_ok=True)
    items, test = train_items(options.corpus), heldout_items(options.corpus)
    sounds = load_sounds(items, options.work / "cache" / "train")
    test_sounds = load_sounds(test, options.work / "cache" / "heldout")
    files = [item.file for item in items]
    chains = [chain_of(item.phones) for item in items]
    labels = options.work / "alignment.npz"
    if not labels.exists():
        save_states(labels, dict(zip(files, flat_start(sounds, chains, rounds=options.rounds), strict=True)))
    alignments = load_alignments(labels, items)

    device = options.device
    teacher = ContentTeacher(content_config(hidden=options.hidden, n_layers=options.layers)).to(device)
    optimizer = torch.optim.AdamW(teacher.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    log = LossLog(options.work / "logs", "features")
    checkpoint = folder / "training.pt"
    epoch = 0
    if (state := load_checkpoint(checkpoint)) is not None:
        teacher.load_state_dict(state["teacher"])
        optimizer.load_state_dict(state["optimizer"])
        epoch = state["epoch"]
    rng = np.random.default_rng(options.seed)
    per_epoch = len(length_groups(sounds, rng, batch_seconds=options.batch_seconds))
    total, step = per_epoch * options.epochs, per_epoch * epoch
    while epoch < options.epochs and not clock.is_over:
        rng = np.random.default_rng([options.seed, epoch])
        teacher.train()
        bar = tqdm(
            batches(sounds, alignments, rng, batch_seconds=options.batch_seconds),
            total=per_epoch,
            desc=f"features {epoch + 1}/{options.epochs}",
        )
        seen: list[tuple[float, float]] = []
        for batch in bar:
            set_rate(cosine_rate(step, total, peak=PEAK_RATE, warmup=min(200, total // 10 + 1)), optimizer)
            batch = Batch(**{name: value.to(device) for name, value in vars(batch).items()})
            with torch.autocast(device.split(":")[0], torch.bfloat16):
                loss, right = loss_of(teacher, batch)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
            optimizer.step()
            step += 1
            seen.append((float(loss.detach()), right))
            if step % 25 == 0:
                mean_loss, mean_right = np.mean(seen[-25:], axis=0)
                bar.set_postfix(loss=f"{mean_loss:.3f}", right=f"{mean_right:.3f}")
                log.add(step, loss=mean_loss, frames_right=mean_right)
        epoch += 1
        error = phone_error_rate(teacher, test, test_sounds, device)
        log.add(step, phone_error_rate=error)
        tqdm.write(f"epoch {epoch}: phone error rate on held-out voices {error:.3f}")
        save_checkpoint(
            checkpoint,
            {"teacher": teacher.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch},
        )
        teacher.encoder.save_pretrained(folder)
        log.draw()
        if epoch in options.realign_after or epoch == options.epochs:
            save_states(labels, dict(zip(files, realign(teacher, sounds, chains, device), strict=True)))
            alignments = load_alignments(labels, items)
    if epoch >= options.epochs:
        heads = {k: v for k, v in teacher.state_dict().items() if not k.startswith("encoder.")}
        torch.save(heads, folder / "heads.pt")


if __name__ == "__main__":
    main()
