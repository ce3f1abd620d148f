"""WaveNet-style gated convolutions with a global condition (van den Oord et al. 2016; as in WaveGlow)."""

import torch
from torch import Tensor, nn

from comps.gptsovits.networks.layers.masks import masked


class WaveNet(nn.Module):
    """`x [B, C, T]`, `condition [B, G, 1]` -> `[B, C, T]`: the sum of every layer's skip output."""

    def __init__(
        self,
        channels: int,
        n_layers: int,
        kernel_size: int,
        *,
        condition_channels: int | None = None,
        dilation_rate: int = 1,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.condition = (
            nn.Conv1d(condition_channels, 2 * channels * n_layers, 1) if condition_channels else None
        )
        self.gates = nn.ModuleList()
        self.mixes = nn.ModuleList()
        for i in range(n_layers):
            dilation = dilation_rate**i
            padding = (kernel_size - 1) * dilation // 2
            self.gates.append(
                nn.Conv1d(channels, 2 * channels, kernel_size, dilation=dilation, padding=padding)
            )
            # The last layer has no successor, so it makes a skip output alone.
            self.mixes.append(nn.Conv1d(channels, channels * (2 if i < n_layers - 1 else 1), 1))

    def forward(self, x: Tensor, condition: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        biases = (
            self.condition(condition).chunk(len(self.gates), dim=1)
            if self.condition is not None and condition is not None
            else None
        )
        total: Tensor | None = None
        for i, (gate, mix) in enumerate(zip(self.gates, self.mixes, strict=True)):
            hidden = gate(x) if biases is None else gate(x) + biases[i]  # [B, 2C, T]
            content, opening = hidden.chunk(2, dim=1)
            mixed = mix(torch.tanh(content) * torch.sigmoid(opening))
            if i < len(self.gates) - 1:
                residual, mixed = mixed.chunk(2, dim=1)
                x = masked(x + residual, mask)
            total = mixed if total is None else total + mixed
        assert total is not None
        return masked(total, mask)
