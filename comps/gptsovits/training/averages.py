"""An average of weights over time, which sounds steadier than the last step's."""

import copy
from typing import Any

import torch
from torch import nn


class Average:
    """The exponential moving average of a module's parameters: `module` is a copy of the same class."""

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.module = copy.deepcopy(module).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after `step` steps; follows closely at the start."""
        decay = min(self.decay, (step + 1) / (step + 10))
        for mean, value in zip(self.module.parameters(), module.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        return self.module.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state)
