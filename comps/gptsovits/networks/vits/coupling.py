"""The coupling flow between the posterior's latent space and the prior's (VITS, Kim et al. 2021)."""

import torch
from torch import Tensor, nn

from comps.gptsovits.networks.layers.masks import masked
from comps.gptsovits.networks.layers.wavenet import WaveNet


class Coupling(nn.Module):
    """Shifts one half of the channels by what the other half says; its inverse is exact."""

    def __init__(
        self, latent_channels: int, channels: int, n_layers: int, kernel_size: int, style_dim: int
    ) -> None:
        super().__init__()
        half = latent_channels // 2
        self.n_kept = half
        self.pre = nn.Conv1d(half, channels, 1)
        self.net = WaveNet(channels, n_layers, kernel_size, condition_channels=style_dim)
        self.post = nn.Conv1d(channels, half, 1)
        nn.init.zeros_(self.post.weight)  # starts as the identity
        nn.init.zeros_(self.post.bias)  # type: ignore[arg-type]

    def shift(self, kept: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        return masked(self.post(self.net(masked(self.pre(kept), mask), style, mask)), mask)


class CouplingFlow(nn.Module):
    """`n_flows` couplings with the channels reversed between them. Volume-preserving (shift only)."""

    def __init__(
        self,
        latent_channels: int,
        channels: int,
        *,
        n_flows: int,
        n_layers: int,
        kernel_size: int,
        style_dim: int,
    ) -> None:
        super().__init__()
        self.flows = nn.ModuleList(
            Coupling(latent_channels, channels, n_layers, kernel_size, style_dim) for _ in range(n_flows)
        )

    def forward(self, z: Tensor, style: Tensor, mask: Tensor | None = None) -> Tensor:
        """Posterior latents `[B, Z, F]` -> the prior's space. Used in training."""
        for flow in self._couplings():
            kept, moved = z.split(flow.n_kept, dim=1)
            moved = masked(moved + flow.shift(kept, style, mask), mask)
            z = torch.cat([kept, moved], 1).flip(1)
        return z

    def inverse(self, z: Tensor, style: Tensor, mask: Tensor | None = None) -> Tensor:
        """Prior samples `[B, Z, F]`, `style [B, G, 1]` -> latents for the vocoder, `[B, Z, F]`."""
        for flow in reversed(self._couplings()):
            kept, moved = z.flip(1).split(flow.n_kept, dim=1)
            moved = masked(moved - flow.shift(kept, style, mask), mask)
            z = torch.cat([kept, moved], 1)
        return z

    def _couplings(self) -> list[Coupling]:
        return [flow for flow in self.flows if isinstance(flow, Coupling)]
