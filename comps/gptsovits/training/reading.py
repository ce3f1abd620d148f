"""How well T2S reads, measured on its tokens alone: phoneme errors and ends, before there is a decoder.

Held-out sentences are continued from prompts in held-out voices; each token counts as the phoneme that it
mostly stands for in training. The same reading of real tokens ("floor") says what the codebook itself gets
wrong. python -m comps.gptsovits.training.reading --corpus corpus
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from comps.gptsovits.engine import SpeechOptions
from comps.gptsovits.engine.guard import fault_of, max_tokens
from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.sampling import History, Sampler
from comps.gptsovits.networks.t2s import T2S, KVCache
from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.training.alignment import chain_of, is_mark
from comps.gptsovits.training.codebook import phones_of_tokens
from comps.gptsovits.training.features import edit_distance
from comps.gptsovits.training.pieces import MARKS, STOP
from comps.gptsovits.training.progress import stage_parser, start
from comps.gptsovits.training.sounds import Sounds, load_sounds
from comps.gptsovits.training.split import Item, heldout_items
from comps.gptsovits.training.t2s import PROMPT_TAIL_SAMPLES, saved_config
from comps.gptsovits.training.tokenizer import Tokenizer


@dataclass(frozen=True)
class Reading:
    """What T2S made of one sentence."""

    said: list[int]  # phonemes, index into PHONES
    tokens: NDArray[np.int64]
    has_ended: bool
    n_phonemes: int


def load_t2s(work: Path) -> T2S:
    """The T2S that stage `t2s` wrote into `work/t2s` (averaged weights)."""
    model = T2S(saved_config(work))
    model.load_state_dict(load_file(work / "t2s" / "model.safetensors"))
    return model.eval()


def symbol_ids(phones: tuple[str, ...]) -> list[int]:
    """Ids of an utterance's phonemes and marks, with a stop at the end, as the front end gives them."""
    row = [
        symbol
        for entry in phones
        for symbol in ([MARKS.get(entry, entry)] if is_mark(entry) else entry.split())
    ]
    if row[-1] not in {".", "!", "?", ",", "…", "-"}:
        row.append(STOP)
    return symbol_table("v2").ids(row)


@torch.no_grad()
def read(
    model: T2S,
    prompt: tuple[list[int], NDArray[np.int64]] | None,
    phonemes: list[int],
    options: SpeechOptions,
    seed: int,
) -> tuple[NDArray[np.int64], bool]:
    """Tokens of `phonemes` after a prompt (its phonemes, its tokens), and whether they came to an end."""
    given, heard = prompt if prompt is not None else ([], np.zeros(0, np.int64))
    limit = max_tokens(len(phonemes))
    cache = KVCache(model.config, 1, len(given) + len(phonemes) + len(heard) + limit + 1)
    sampler = Sampler.of(options, model.config.end_token)
    start_tokens = torch.from_numpy(heard)
    history = History.of_prompt(start_tokens, model.config.vocab_size)
    logits = model.prefill(torch.tensor([*given, *phonemes]), None, start_tokens, cache, 0)
    row = torch.tensor([0])
    tokens: list[int] = []
    while len(tokens) < limit:
        draw = sampler.draw(logits, history, Noise(seed))
        if draw.is_end:
            return np.array(tokens, np.int64), True
        tokens.append(draw.token)
        history.append(draw.token)
        logits = model.step(torch.tensor([draw.token]), cache, row)[0]
    return np.array(tokens, np.int64), False


def readings(
    model: T2S, tokenizer: Tokenizer, items: list[Item], sounds: Sounds, options: SpeechOptions, *, n: int
) -> list[Reading]:
    """`n` held-out sentences, each after a prompt of 3 s or more by another voice than its own."""
    prompts = [i for i, item in enumerate(items) if item.seconds >= 3.0] or list(range(len(items)))
    found = []
    for k in range(n):
        item = items[(k * 7) % len(items)]
        at = prompts[(k * 5 + 3) % len(prompts)]
        tokens = tokenizer.encode(sounds.waveform(at), tail=PROMPT_TAIL_SAMPLES)
        phonemes = symbol_ids(item.phones)
        made, has_ended = read(model, (symbol_ids(items[at].phones), tokens), phonemes, options, seed=k)
        said = [int(p) for p in chain_of(item.phones).phones if p != 0]
        found.append(Reading(said, made, has_ended, len(phonemes)))
    return found


def report_of(found: list[Reading], phone_of_token: NDArray[np.int64]) -> dict[str, float]:
    """Phoneme error rate, and shares of sentences without an end and with a fault that the guard sees."""
    wrong = [edit_distance(phones_of_tokens(r.tokens, phone_of_token), r.said) for r in found]
    faults = [fault_of(r.tokens.tolist(), r.n_phonemes, has_ended=r.has_ended) for r in found]
    return {
        "phone_error_rate": sum(wrong) / sum(len(r.said) for r in found),
        "no_end": float(np.mean([not r.has_ended for r in found])),
        "faults": float(np.mean([fault is not None for fault in faults])),
        "tokens_per_phoneme": sum(len(r.tokens) for r in found) / sum(r.n_phonemes for r in found),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("reading", "Measure T2S without a decoder.")
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--top-k", type=int, default=15)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--repetition-penalty", type=float, default=1.35)
    options = parser.parse_args(arguments)
    start(options)
    items = heldout_items(options.corpus)
    sounds = load_sounds(items, options.work / "cache" / "heldout")
    tokenizer, model = Tokenizer(options.work), load_t2s(options.work)
    with np.load(options.work / "token_phones.npz") as stored:
        phone_of_token = stored["phones"]
    sampling = SpeechOptions(
        top_k=options.top_k,
        temperature=options.temperature,
        repetition_penalty=options.repetition_penalty,
    )
    found = readings(model, tokenizer, items, sounds, sampling, n=options.sentences)
    real = [tokenizer.encode(sounds.waveform((k * 7) % len(items))) for k in range(options.sentences)]
    floor = [Reading(r.said, tokens, True, r.n_phonemes) for r, tokens in zip(found, real, strict=True)]
    report = report_of(found, phone_of_token)
    report["floor"] = report_of(floor, phone_of_token)["phone_error_rate"]
    print(json.dumps({name: round(value, 4) for name, value in report.items()}))


if __name__ == "__main__":
    main()
