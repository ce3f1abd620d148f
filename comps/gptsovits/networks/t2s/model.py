"""T2S: phonemes (and their BERT features) to semantic tokens, one at a time.

A decoder-only transformer over `phonemes, tokens`. Phonemes see all phonemes and no token; a token sees
all phonemes and the tokens up to itself:

                  keys
               P P P  S S
    queries P  x x x
            P  x x x
            P  x x x
            S  x x x  x
            S  x x x  x x
"""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor, nn

from comps.gptsovits.networks.layers.masks import length_mask
from comps.gptsovits.networks.t2s.block import Block
from comps.gptsovits.networks.t2s.cache import KVCache, Store, Turn
from comps.gptsovits.networks.t2s.config import T2SConfig
from comps.gptsovits.networks.t2s.embedding import SinePositions


class T2S(nn.Module):
    """Holds weights alone: no sampling, no stopping, no loop. Logits include the end token, `[.., V]`."""

    def __init__(self, config: T2SConfig) -> None:
        super().__init__()
        self.config = config
        self.phoneme_embedding = nn.Embedding(config.n_symbols, config.dim)
        self.bert_in = nn.Linear(config.bert_dim, config.dim)
        self.phoneme_positions = SinePositions(config.dim)
        self.token_embedding = nn.Embedding(config.vocab_size, config.dim)
        self.token_positions = SinePositions(config.dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.head = nn.Linear(config.dim, config.vocab_size, bias=False)

    def forward(
        self, phonemes: Tensor, bert: Tensor | None, tokens: Tensor, n_phonemes: Tensor | None = None
    ) -> Tensor:
        """Teacher-forced logits `[B, S + 1, V]`: row k predicts token k, the last row one past the end.

        `phonemes [B, P]`, `bert [B, P, E]` or None for zeros, `tokens [B, S]`. `n_phonemes [B]` where
        phonemes are padded at the end; padded tokens need no mask, for none looks ahead.
        """
        size = phonemes.shape[1]
        x = torch.cat([self.embed_phonemes(phonemes, bert), self.embed_tokens(tokens)], 1)
        mask = attention_mask(size, tokens.shape[1], x.device)
        if n_phonemes is not None:
            visible = torch.cat([length_mask(n_phonemes, size), torch.ones_like(tokens, dtype=torch.bool)], 1)
            mask = mask & visible[:, None, None]  # [B, 1, T, T]
        for block in self.blocks:
            x, _, _ = block(x, mask)
        last = (n_phonemes if n_phonemes is not None else torch.full_like(phonemes[:, 0], size)) - 1
        first = x[torch.arange(len(x), device=x.device), last]  # the last real phoneme predicts token 0
        return self.head(torch.cat([first[:, None], x[:, size:]], 1))

    def prefill(
        self, phonemes: Tensor, bert: Tensor | None, prompt: Tensor, cache: Store, row: int
    ) -> Tensor:
        """Fill `row` of the cache with one sequence and return the next token's logits `[V]`.

        `phonemes [P]`, `bert [P, E]` or None for zeros, `prompt [S]` (may be empty).
        """
        slices = self.prefill_slices(phonemes, bert, prompt, cache, row)
        while True:
            try:
                next(slices)
            except StopIteration as end:
                logits: Tensor = end.value
                return logits

    def prefill_slices(
        self, phonemes: Tensor, bert: Tensor | None, prompt: Tensor, cache: Store, row: int
    ) -> Generator[None, None, Tensor]:
        """As `prefill`, with a pause after every layer."""
        n_phonemes, n_tokens = len(phonemes), len(prompt)
        x = torch.cat(
            [
                self.embed_phonemes(phonemes[None], None if bert is None else bert[None]),
                self.embed_tokens(prompt[None]),
            ],
            1,
        )
        mask = attention_mask(n_phonemes, n_tokens, x.device)
        for layer, block in enumerate(self.blocks):
            x, keys, values = block(x, mask)
            cache.store(layer, row, keys[0], values[0])
            yield
        cache.occupy(row, n_phonemes=n_phonemes, n_tokens=n_tokens)
        return self.head(x[0, -1])

    def step(self, tokens: Tensor, cache: KVCache, rows: Tensor) -> Tensor:
        """Append one token to each of `rows [B]` and return the next tokens' logits `[B, V]`."""
        return self.step_of(cache.turn(rows), tokens)

    def step_of(self, turn: Turn, tokens: Tensor) -> Tensor:
        """As `step`, of rows that a turn knows."""
        x = self.token_embedding(tokens) + self.token_positions.at(turn.token_positions)
        x = x[:, None]  # [B, 1, C]
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x = block.step(x, layer, turn)
        turn.finish()
        return self.head(x[:, 0])

    def embed_phonemes(self, phonemes: Tensor, bert: Tensor | None) -> Tensor:
        """`[B, P]` (and `[B, P, E]`) -> `[B, P, C]`. Zero BERT features still bring their bias."""
        x = self.phoneme_embedding(phonemes)
        x = x + (self.bert_in.bias if bert is None else self.bert_in(bert))
        return x + self.phoneme_positions.first(phonemes.shape[1])

    def embed_tokens(self, tokens: Tensor) -> Tensor:
        """`[B, S]` -> `[B, S, C]`; token positions start at 0 again."""
        return self.token_embedding(tokens) + self.token_positions.first(tokens.shape[1])


def attention_mask(n_phonemes: int, n_tokens: int, device: torch.device) -> Tensor:
    """The picture above as bool `[P + S, P + S]`, True where a query (row) may look."""
    size = n_phonemes + n_tokens
    mask = torch.ones(size, size, dtype=torch.bool, device=device).tril()
    mask[:, :n_phonemes] = True
    mask[:n_phonemes, n_phonemes:] = False
    return mask
