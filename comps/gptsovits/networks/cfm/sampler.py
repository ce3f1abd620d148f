"""Flow matching: noise follows a predicted velocity in equal steps to a mel (Lipman et al. 2023)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from comps.gptsovits.networks.cfm.dit import Dit


def sample_mel(
    dit: Dit, features: Tensor, prompt: Tensor, noise: Tensor, *, steps: int, guidance: float = 0.0
) -> Tensor:
    """A normalised mel `[B, n_mels, M]` that continues `prompt` and follows `features`.

    `features [B, C, M]` cover the prompt and what is to be spoken; `prompt [B or 1, n_mels, R]` is the known
    beginning, whose frames come back as zeros: cut them off. `noise [B, n_mels, M]` is standard normal, the
    caller's randomness. `guidance` > 0 moves away from what would be predicted without any condition, at
    twice the cost. The step size is an input of the network, so few steps already sound well.
    """
    if steps < 1:
        raise ValueError(f"a solver needs at least one step, not {steps}")
    n_known = prompt.shape[-1]
    known = F.pad(prompt, (0, features.shape[-1] - n_known)).transpose(1, 2)  # [B or 1, M, n_mels]
    known = known.expand(len(features), -1, -1)
    fresh = (torch.arange(features.shape[-1], device=features.device) >= n_known)[:, None]  # [M, 1]

    embedded = dit.embed_features(features.transpose(1, 2))
    unconditioned = dit.embed_features(torch.zeros_like(features).transpose(1, 2)) if guidance > 0 else None

    size = 1.0 / steps
    step_size = features.new_full((len(features),), size)
    x = noise.transpose(1, 2) * fresh  # [B, M, n_mels]
    for step in range(steps):
        moment = dit.embed_moment(torch.full_like(step_size, step * size), step_size)
        velocity = dit(x, known, embedded, moment)
        if unconditioned is not None:
            neutral = dit(x, torch.zeros_like(known), unconditioned, moment)
            velocity = velocity + guidance * (velocity - neutral)
        x = (x + size * velocity) * fresh
    return x.transpose(1, 2)
