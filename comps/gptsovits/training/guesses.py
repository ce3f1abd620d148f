"""What T2S would have said: the tokens that the decoder will meet when it serves.

They are wrong in the way that T2S is wrong, which chance is not, and the decoder knows the text. Where it has
met them in training it can put some of them right.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from comps.gptsovits.training.pieces import Piece
from comps.gptsovits.training.reading import load_t2s
from comps.gptsovits.training.rows import load_rows, save_rows

Tokens = NDArray[np.int64]


@torch.no_grad()
def load_guesses(work: Path, pieces: Mapping[int, Piece], device: str, *, seed: int) -> dict[int, Tokens]:
    """A guess at each token of each piece, from all tokens before it; none where T2S has not been trained.

    Made once for a T2S, and kept in the work folder.
    """
    weights = work / "t2s" / "model.safetensors"
    if not weights.exists():
        return {}
    mark = hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
    path = work / "t2s" / f"guesses-{mark}.npz"
    if path.exists():
        kept = {int(index): tokens for index, tokens in load_rows(path, "tokens").items()}
        if kept.keys() == pieces.keys():
            return kept
    model = load_t2s(work).to(device)
    generator = torch.Generator(device).manual_seed(seed)
    guesses = {}
    for index, piece in tqdm(pieces.items(), desc="guesses"):
        phonemes, tokens = (torch.from_numpy(row)[None].to(device) for row in (piece.phonemes, piece.tokens))
        shares = model(phonemes, None, tokens)[0, :-1, :-1].float().softmax(-1)  # of no end
        guesses[index] = torch.multinomial(shares, 1, generator=generator)[:, 0].cpu().numpy()
    save_rows(path, "tokens", {str(index): tokens for index, tokens in guesses.items()})
    return guesses
