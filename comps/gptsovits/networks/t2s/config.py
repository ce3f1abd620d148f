"""Sizes of the text-to-semantic transformer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class T2SConfig:
    n_symbols: int  # phoneme inventory
    vocab_size: int  # semantic tokens and the end token
    dim: int
    n_heads: int
    ffn_dim: int
    n_layers: int
    bert_dim: int

    @property
    def end_token(self) -> int:
        """The last entry of the vocabulary."""
        return self.vocab_size - 1

    @property
    def head_dim(self) -> int:
        return self.dim // self.n_heads
