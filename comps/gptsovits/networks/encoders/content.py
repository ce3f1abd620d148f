"""Content features: what is said, 50 frames a second, by a HuBERT from `transformers`."""

from typing import Any

from torch import Tensor, nn
from transformers import HubertConfig, HubertModel

SAMPLE_RATE = 16_000
# Samples between two frames, and samples that one frame is made of.
FRAME_HOP, FRAME_WIDTH = 320, 400


class ContentEncoder(nn.Module):
    """16 kHz samples `[B, N]` -> features `[B, D, T]`.

    The samples go in as they are: no normalisation to zero mean and unit variance, which is how the
    decoders' codebooks were made.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.model = HubertModel(HubertConfig(**config))

    @property
    def dim(self) -> int:
        return int(self.model.config.hidden_size)

    def forward(self, samples: Tensor) -> Tensor:
        return self.model(samples).last_hidden_state.transpose(1, 2)
