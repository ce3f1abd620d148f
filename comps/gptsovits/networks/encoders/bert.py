"""BERT features: what a Chinese phoneme's character means where it stands, by a BERT from `transformers`."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

# The decoders were trained on the third layer from the end; the two above it are never computed.
LAYERS_UNUSED = 2


class BertEncoder(nn.Module):
    """Token ids `[B, W]` with [CLS] and [SEP] -> a feature for each, `[B, W, D]`."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        sizes = BertConfig(**config)
        sizes.num_hidden_layers -= LAYERS_UNUSED
        self.model = BertModel(sizes, add_pooling_layer=False)

    @property
    def dim(self) -> int:
        return int(self.model.config.hidden_size)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask [B, W]` is True where a row holds text."""
        features: Tensor = self.model(ids, attention_mask=mask).last_hidden_state
        return features


def phoneme_features(features: Tensor, phonemes_per_character: Tensor) -> Tensor:
    """Each character's feature, once for each of its phonemes: `[W, D]`, counts `[W - 2]` -> `[P, D]`.

    The features of [CLS] and [SEP], at both ends, belong to no character.
    """
    characters = features[1:-1]
    if len(characters) != len(phonemes_per_character):
        raise ValueError(f"{len(characters)} characters, but phoneme counts of {len(phonemes_per_character)}")
    return torch.repeat_interleave(characters, phonemes_per_character, dim=0)
