"""The posterior encoder: what speech of known sound looks like in latent space. Training's half of a VITS."""

import torch
from torch import Tensor, nn

from comps.gptsovits.networks.layers.wavenet import WaveNet


class PosteriorEncoder(nn.Module):
    """Log-mel frames `[B, M, F]` -> a Gaussian over latent frames: mean and log-deviation `[B, Z, F]`."""

    def __init__(self, n_mels: int, latent_channels: int, *, channels: int = 128, n_layers: int = 8) -> None:
        super().__init__()
        self.enter = nn.Conv1d(n_mels, channels, 1)
        self.net = WaveNet(channels, n_layers, kernel_size=5)
        self.leave = nn.Conv1d(channels, 2 * latent_channels, 1)

    @property
    def context(self) -> int:
        """Frames to either side that a latent frame depends on."""
        return 2 * len(self.net.gates)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = self.leave(self.net(self.enter(mel))).chunk(2, dim=1)
        return mean, log_std.clamp(-6.0, 2.0)


def sample(mean: Tensor, log_std: Tensor) -> Tensor:
    """A reparametrised draw."""
    return mean + torch.randn_like(mean) * log_std.exp()


def divergence_from_normal(mean: Tensor, log_std: Tensor) -> Tensor:
    """KL(q || N(0, 1)) in nats a frame, averaged over the batch."""
    nats = 0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std
    return nats.sum(1).mean()
