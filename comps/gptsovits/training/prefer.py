"""Stage `prefer`: T2S learns from its own attempts which of them the ear understood.

Cross-entropy teaches T2S to go on from speech that was right; when it serves, it goes on from its own. So
it says each of many texts several times in voices of training, the ear (`comps/gptsovits/ear.py`) tells how
well each attempt says its phonemes, and T2S is taught to prefer the better to the worse (direct preference
optimisation, Rafailov et al. 2023, arXiv:2305.18290), with cross-entropy on speech beside it. Texts need no
recordings: sentences of WordNet that training's voices never read will do. Writes `t2s/model.safetensors`
anew, and a `preference_file` to go on from.
"""

import argparse
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from comps.gptsovits.ear import Ear
from comps.gptsovits.engine.guard import fault_of
from comps.gptsovits.networks.t2s import T2S
from comps.gptsovits.training.attempts import Attempt, Speaker, Task
from comps.gptsovits.training.averages import Average
from comps.gptsovits.training.hearing import heard_in
from comps.gptsovits.training.loop import Loop, Stateful, add_loop_options, set_rate
from comps.gptsovits.training.pieces import Example, ExampleMaker, TokenUtterance
from comps.gptsovits.training.progress import cosine_rate, stage_parser, start, trained_checkpoint
from comps.gptsovits.training.reading import symbol_ids
from comps.gptsovits.training.sentences import WORDNET, wordnet_sentences
from comps.gptsovits.training.sounds import load_sounds
from comps.gptsovits.training.split import heldout_items, is_sentence_held_out, train_items
from comps.gptsovits.training.t2s import (
    DROPOUT,
    FACTORS,
    GUIDANCE,
    IGNORED,
    OWN_TOKENS,
    TEMPERATURE,
    Rows,
    batch_of,
    collate,
    guided_layers,
    loss_of,
    misled,
    save_average,
    saved_config,
    utterances_by_voice,
    with_dropout,
)

FEWEST_PROMPT_TOKENS = 50  # two seconds
CLEARLY = 0.1  # nats a token by which the better must fit better
TEMPOS = (0.6, 1.5)  # of a disturbed prompt,
MOST_CUT = 0.15  # of it at either end,
MOST_WRONG = 0.4  # of its tokens
LENGTHS = 1.25  # and neither may be longer than the other by more: slower is not better


@dataclass(frozen=True)
class Pair:
    """Two attempts at one task, the better first."""

    task: Task
    better: list[int]
    worse: list[int]


def fits_of(task: Task, attempts: Sequence[Attempt], ear: Ear) -> NDArray[np.float64]:
    """How well each attempt says its text, -inf for one with a fault that the guard sees."""
    return np.array([_fit(task, attempt, ear) for attempt in attempts])


def _fit(task: Task, attempt: Attempt, ear: Ear) -> float:
    fault = fault_of(attempt.tokens, len(task.phonemes), has_ended=attempt.has_ended)
    return -np.inf if fault is not None else ear.fit(attempt.tokens, task.phonemes.tolist())


def pair_of(task: Task, attempts: Sequence[Attempt], fits: NDArray[np.float64]) -> Pair | None:
    """The best attempt and the worst one of about its length; None where they are too much alike."""
    best = int(np.argmax(fits))
    if np.isinf(fits[best]):
        return None
    lengths = np.array([len(attempt.tokens) for attempt in attempts])
    ratios = lengths / lengths[best]
    is_like = (ratios <= LENGTHS) & (ratios >= 1 / LENGTHS) & (fits < fits[best] - CLEARLY)
    if not is_like.any():
        return None
    worst = int(np.argmin(np.where(is_like, fits, np.inf)))
    return Pair(task, attempts[best].tokens, attempts[worst].tokens)


def examples_of(pairs: Sequence[Pair]) -> list[Example]:
    """The better ones of all pairs, and after them the worse ones."""
    said = [(pair.task, pair.better) for pair in pairs] + [(pair.task, pair.worse) for pair in pairs]
    examples = []
    for task, tokens in said:
        row = np.concatenate([task.prompt, np.array(tokens, np.int64)])
        examples.append(Example(task.all_phonemes, row, np.zeros_like(row), len(task.prompt)))
    return examples


def log_likelihood(model: T2S, examples: Sequence[Example], temperature: float) -> Tensor:
    """How likely T2S, sharpened by `temperature`, is to say each example: log-probabilities of the tokens
    after the prompt and of the end, summed, `[B]`."""
    device = model.head.weight.device
    rows = collate(examples, model.config.end_token, 0.0, np.random.default_rng(0)).to(device)
    logits = model(rows.phonemes, None, rows.tokens, rows.n_phonemes).float() / temperature
    of_targets = -F.cross_entropy(
        logits.transpose(1, 2), rows.targets, reduction="none", ignore_index=IGNORED
    )
    given = torch.tensor([example.n_given for example in examples], device=device)
    is_new = torch.arange(of_targets.shape[1], device=device) >= given[:, None]
    return (of_targets * is_new).sum(1)


def preference_loss(now: Tensor, before: Tensor, strength: float) -> tuple[Tensor, dict[str, float]]:
    """The loss of pairs whose log-likelihoods, `[2 * pairs]` each, are `now` and were `before`."""
    gain_of_better, gain_of_worse = (now - before).chunk(2)
    margin = strength * (gain_of_better - gain_of_worse)
    loss = -F.logsigmoid(margin).mean()
    return loss, {
        "preference": float(loss.detach()),
        "told_apart": float((margin > 0).float().mean()),
        "better": float(gain_of_better.detach().mean()),
        "worse": float(gain_of_worse.detach().mean()),
    }


def disturbed(prompt: NDArray[np.int64], n_bins: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A prompt as a stranger's clip may be: slower or faster, beginning or ending elsewhere than its text,
    with tokens that nobody of training has."""
    tempo = rng.uniform(*TEMPOS)
    kept = prompt[(np.arange(int(len(prompt) / tempo)) * tempo).astype(int)]
    first, last = (int(share * len(kept)) for share in rng.uniform(0.0, MOST_CUT, 2))
    kept = kept[first : len(kept) - last]
    wrong = rng.random(len(kept)) < rng.uniform(0.0, MOST_WRONG)
    return np.where(wrong, rng.integers(0, n_bins, len(kept)), kept)


@dataclass(frozen=True)
class Texts:
    """Tasks without end: any sentence, after any utterance of training that is long enough to be a prompt.

    A share `strange` of the prompts is `disturbed`, for clips of people come from elsewhere than training's
    do; a share `alone` of the sentences is said after nothing, as in voices without a transcript.
    """

    sentences: Sequence[NDArray[np.int64]]  # phonemes, with the mark at the end
    prompts: Sequence[TokenUtterance]
    n_bins: int
    strange: float = 0.0
    alone: float = 0.0

    def draw(self, n: int, rng: np.random.Generator) -> list[Task]:
        return [self._task(rng) for _ in range(n)]

    def _task(self, rng: np.random.Generator) -> Task:
        phonemes = self.sentences[int(rng.integers(len(self.sentences)))]
        said = self.prompts[int(rng.integers(len(self.prompts)))]
        if rng.random() < self.alone:
            nothing = np.zeros(0, np.int64)
            return Task(nothing, nothing, phonemes)
        piece = said.piece()
        is_strange = rng.random() < self.strange
        heard = disturbed(piece.tokens, self.n_bins, rng) if is_strange else piece.tokens
        return Task(piece.phonemes, np.concatenate([heard, said.tail]), phonemes)


def sentences_of(corpus: Path, wordnet: Path) -> list[NDArray[np.int64]]:
    """Phonemes of every sentence of WordNet that training may say."""
    unheard = {item.text for item in heldout_items(corpus)}
    return [
        np.array(symbol_ids(sentence.phones), np.int64)
        for sentence in wordnet_sentences(wordnet)
        if sentence.text not in unheard and not is_sentence_held_out(sentence.text)
    ]


class Examiner:
    """Makes pairs: the T2S of the moment speaks, the ear listens."""

    def __init__(self, texts: Texts, ear: Ear, *, temperature: float, attempts: int) -> None:
        self._texts, self._ear = texts, ear
        self._temperature, self._attempts = temperature, attempts

    def pairs(self, t2s: T2S, n_tasks: int, rng: np.random.Generator) -> tuple[list[Pair], dict[str, float]]:
        """Pairs of `n_tasks` texts, in no order, and how well all attempts fitted."""
        tasks = self._texts.draw(n_tasks, rng)
        speaker = Speaker(sharpened(t2s, self._temperature))
        found = speaker.attempts(tasks, self._attempts, seed=int(rng.integers(2**40)))
        fits = [fits_of(task, own, self._ear) for task, own in zip(tasks, found, strict=True)]
        pairs = [pair_of(*each) for each in zip(tasks, found, fits, strict=True)]
        made = [pair for pair in pairs if pair is not None]
        rng.shuffle(made)
        heard = np.concatenate(fits)
        is_sound = np.isfinite(heard)
        return made, {"fit": float(heard[is_sound].mean()), "faults": float(1.0 - is_sound.mean())}


def sharpened(t2s: T2S, temperature: float) -> T2S:
    """A copy whose logits are divided by `temperature`, as `save_average` writes it."""
    copied = copy.deepcopy(t2s)
    with torch.no_grad():
        copied.head.weight.div_(temperature)
    return copied


class Trainer:
    """T2S as it was and as it becomes, and one step."""

    def __init__(self, before: T2S, options: argparse.Namespace) -> None:
        self._options, self.device = options, torch.device(options.device)
        self.before = before.to(self.device).eval().requires_grad_(False)
        self.model = copy.deepcopy(self.before).requires_grad_(True).train()
        with_dropout(self.model, options.dropout)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.0
        )
        self.average = Average(self.model, decay=0.98)
        self.parts: dict[str, Stateful] = {
            "model": self.model,
            "optimiser": self.optimiser,
            "average": self.average,
        }

    def step(self, pairs: Sequence[Pair], speech: Rows, step: int) -> dict[str, float]:
        """Update all weights once and return what to report."""
        options, model = self._options, self.model
        examples, temperature = examples_of(pairs), options.temperature
        self.optimiser.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16):
            with torch.no_grad():
                then = log_likelihood(self.before, examples, temperature)
            model.eval()  # both without dropout: what differs is what was learnt
            now = log_likelihood(model, examples, temperature)
            model.train()
            preference, told = preference_loss(now, then, options.strength)
            preference.backward()  # before the other loss, so that one graph at a time takes memory
            rows = misled(model, speech, options.own_tokens)
            loss, of_speech = loss_of(model, rows, guided_layers(model.config.n_layers), GUIDANCE)
            (options.speech * loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        self.optimiser.step()
        self.average.update(model, step)
        return told | {"cross_entropy": of_speech["cross_entropy"]}

    @property
    def averaged(self) -> T2S:
        assert isinstance(self.average.module, T2S)
        return self.average.module


def preference_file(folder: Path, t2s_steps: int) -> Path:
    """The checkpoint of this stage after so many steps of `t2s`: with more of those, it begins anew."""
    return folder / f"preference-after-{t2s_steps}.pt"


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("prefer", "Teach T2S to prefer what the ear understands.")
    add_loop_options(parser, steps=300, save_every=50)
    parser.add_argument("--wordnet", type=Path, default=WORDNET, help="WordNet's data files")
    parser.add_argument("--tasks", type=int, default=400, help="texts that are said before more steps")
    parser.add_argument("--attempts", type=int, default=8, help="at each text")
    parser.add_argument("--strange", type=float, default=0.5, help="share of the prompts that is disturbed")
    parser.add_argument("--alone", type=float, default=0.1, help="share of the texts without a prompt")
    parser.add_argument("--pairs", type=int, default=12, help="in a batch")
    parser.add_argument("--positions", type=int, default=2_500, help="of speech in a batch, as in `t2s`")
    parser.add_argument("--rate", type=float, default=5e-5)
    parser.add_argument("--strength", type=float, default=0.1, help="beta of direct preference optimisation")
    parser.add_argument("--speech", type=float, default=0.5, help="weight of the cross-entropy on speech")
    parser.add_argument("--temperature", type=float, default=TEMPERATURE, help="as in `t2s`")
    parser.add_argument("--dropout", type=float, default=DROPOUT)
    parser.add_argument("--own-tokens", type=float, default=OWN_TOKENS)
    parser.add_argument("--factors", type=float, nargs="*", default=list(FACTORS))
    options = parser.parse_args(arguments)
    clock = start(options)
    folder: Path = options.work / "t2s"
    items = train_items(options.corpus)
    sounds = load_sounds(items, options.work / "cache" / "train")
    voices = utterances_by_voice(items, sounds, options.work, options.device, tuple(options.factors))
    taught = trained_checkpoint(folder / "training.pt")
    before = T2S(saved_config(options.work))
    before.load_state_dict(taught["average"])
    everyone = [utterance for own in voices.values() for utterance in own]
    prompts = [utterance for utterance in everyone if utterance.n_speech >= FEWEST_PROMPT_TOKENS]
    n_bins = before.config.end_token
    sentences = sentences_of(options.corpus, options.wordnet)
    texts = Texts(sentences, prompts or everyone, n_bins, options.strange, options.alone)
    ear = Ear(*heard_in(options.work, items, n_bins=n_bins))
    examiner = Examiner(texts, ear, temperature=options.temperature, attempts=options.attempts)
    trainer = Trainer(before, options)
    loop = Loop(options, "prefer", preference_file(folder, int(taught["step"])), trainer.parts, clock)
    rng = np.random.default_rng([options.seed, loop.step])
    maker, pool = ExampleMaker(voices), list[list[Example]]()
    pairs: list[Pair] = []

    def once(step: int) -> dict[str, float]:
        report: dict[str, float] = {}
        while len(pairs) < options.pairs:
            fresh, report = examiner.pairs(trainer.averaged, options.tasks, rng)
            if not fresh:
                raise ValueError(f"of {options.tasks} texts none was said better once than another time")
            pairs.extend(fresh)
        batch = [pairs.pop() for _ in range(options.pairs)]
        set_rate(cosine_rate(step, options.steps, peak=options.rate, warmup=20), trainer.optimiser)
        examples = batch_of(maker, rng, ease=0.0, positions=options.positions, pool=pool)
        speech = collate(examples, before.config.end_token, 0.0, rng).to(options.device)
        return report | trainer.step(batch, speech, step)

    def keep(step: int) -> None:
        save_average(folder / "model.safetensors", trainer.average.state_dict(), options.temperature)

    loop.run(once, after_save=keep)


if __name__ == "__main__":
    main()
