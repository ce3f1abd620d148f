"""The adversarial game of the vocoder's training: discriminators, their optimiser, and one round of it."""

import torch
from torch import Tensor

from comps.gptsovits.training.discriminators import Discriminators
from comps.gptsovits.training.losses import deceive_loss, feature_distance, judge_loss

FEATURE_WEIGHT = 2.0


class Contest:
    """Judges that learn to tell speech from copies, while the generator learns to deceive them."""

    def __init__(self, device: torch.device, rate: float) -> None:
        self.device = device
        self.judges = Discriminators().to(device)
        self.optimiser = torch.optim.AdamW(self.judges.parameters(), lr=rate, betas=(0.8, 0.99))

    def round(self, made: Tensor, real: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Teach the judges, then ask them: the generator's loss on samples `[B, N]`, and what to report.

        The judges cost twice what the vocoder does: they see half of the batch.
        """
        half = slice(0, max(1, len(real) // 2))
        made, real = made[half], real[half]
        with self._half_precision():
            real_scores, real_features = self.judges(real)
            judged = judge_loss(real_scores, self.judges(made.detach())[0])
        self.optimiser.zero_grad()
        judged.backward()
        self.optimiser.step()
        with self._half_precision():
            made_scores, made_features = self.judges(made)
        deceived, features = deceive_loss(made_scores), feature_distance(real_features, made_features)
        figures = {"judge": judged.item(), "deceive": deceived.item(), "features": features.item()}
        return deceived + FEATURE_WEIGHT * features, figures

    def _half_precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)
