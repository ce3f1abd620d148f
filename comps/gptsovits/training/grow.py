"""Stage `grow`: take utterances that a corpus gained since into what the stages before have made.

More text helps `t2s` most and more voices help the decoder, and neither needs another content encoder or
codebook. So the new utterances are aligned and turned into tokens with those that are there, and added to
`alignment.npz`, `tokens.npz` and the tokens of other speeds that `t2s` keeps. `t2s` and `joint` then go on
from their checkpoints over all of it.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tqdm import tqdm

from comps.gptsovits.dsp import torchaudio_parts  # noqa: F401

from transformers import HubertConfig  # isort: skip

from comps.gptsovits.training.alignment import chain_of
from comps.gptsovits.training.codebook import load_tokens, save_tokens
from comps.gptsovits.training.content import ContentTeacher
from comps.gptsovits.training.features import realign
from comps.gptsovits.training.labels import load_states, save_states
from comps.gptsovits.training.progress import stage_parser, start
from comps.gptsovits.training.sounds import Sounds, load_sounds
from comps.gptsovits.training.split import Item, train_items
from comps.gptsovits.training.t2s import PROMPT_TAIL_SAMPLES, resampled
from comps.gptsovits.training.tokenizer import Tokenizer


def load_teacher(work: Path) -> ContentTeacher:
    """The content encoder with the heads that stage `features` taught it by."""
    folder = work / "content"
    teacher = ContentTeacher(HubertConfig.from_pretrained(folder))
    teacher.encoder.load_state_dict(load_file(folder / "model.safetensors"))
    heads = torch.load(folder / "heads.pt", weights_only=True)
    missing, unexpected = teacher.load_state_dict(heads, strict=False)
    assert not unexpected
    assert all(name.startswith("encoder.") for name in missing)
    return teacher.eval()


def take_in(work: Path, items: list[Item], device: str) -> int:
    """Add those of `items` that the work folder does not know yet; say how many they are."""
    states = load_states(work / "alignment.npz")
    fresh = [item for item in items if item.file not in states]
    if not fresh:
        return 0
    sounds = load_sounds(fresh, work / "cache" / "fresh")
    chains = [chain_of(item.phones) for item in fresh]
    found = realign(load_teacher(work).to(device), sounds, chains, device)
    states |= {item.file: row for item, row in zip(fresh, found, strict=True)}
    tokenizer = Tokenizer(work, device=device)
    _add_tokens(work / "tokens.npz", tokenizer, fresh, sounds, factor=1.0, tail=0)
    for path in sorted((work / "t2s").glob("tokens-*.npz")):
        factor = float(path.stem.removeprefix("tokens-"))
        _add_tokens(path, tokenizer, fresh, sounds, factor=factor, tail=PROMPT_TAIL_SAMPLES)
    save_states(work / "alignment.npz", states)  # last, for it says what is known
    return len(fresh)


def _add_tokens(
    path: Path, tokenizer: Tokenizer, items: list[Item], sounds: Sounds, *, factor: float, tail: int
) -> None:
    tokens: dict[str, NDArray[np.int64]] = load_tokens(path)
    for i, item in enumerate(tqdm(items, desc=path.stem)):
        if item.file not in tokens:
            tokens[item.file] = tokenizer.encode(resampled(sounds.waveform(i), factor), tail=tail)
    save_tokens(path, tokens)


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("grow", "Take in what the corpus gained.")
    options = parser.parse_args(arguments)
    start(options)
    print(f"{take_in(options.work, train_items(options.corpus), options.device)} utterances taken in")


if __name__ == "__main__":
    main()
