"""What every long run needs: checkpoints written whole, a log of figures, an average of weights."""

import copy
import json
import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn


class Checkpoint:
    """Named modules and optimisers in one file, replaced atomically; `load` resumes where `save` left."""

    def __init__(self, path: Path, **parts: Any) -> None:
        self.path = path
        self.parts = parts

    def save(self, step: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        state = {name: part.state_dict() for name, part in self.parts.items()}
        partial = self.path.with_suffix(".partial")
        torch.save({"step": step, **state}, partial)
        os.replace(partial, self.path)

    def load(self) -> int:
        """The step to go on from: 0 where there is nothing yet. Parts the file lacks keep their start."""
        if not self.path.exists():
            return 0
        state = torch.load(self.path, weights_only=True, map_location="cpu")
        for name, part in self.parts.items():
            if name in state:
                part.load_state_dict(state[name])
        return int(state["step"])


class Average:
    """An exponential moving average of a module's weights, which sounds steadier than the last step's."""

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.module = copy.deepcopy(module).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (step + 1) / (step + 10))  # follows closely at the start
        for mean, value in zip(self.module.parameters(), module.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        return self.module.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state)


class Journal:
    """Figures by step as JSON lines, and their plot."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, **figures: float) -> None:
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        self._count += 1

    def write(self, step: int) -> dict[str, float]:
        """Append the means since the last call and return them."""
        means = {name: total / max(self._count, 1) for name, total in self._sums.items()}
        with self.path.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"step": step, "time": round(time.time()), **means}) + "\n")
        self._sums, self._count = {}, 0
        return means

    def plot(self) -> None:
        """`<journal>.png`: one curve a figure."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        rows = [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]
        names = [n for n in dict.fromkeys(k for row in rows for k in row) if n not in ("step", "time")]
        figure, axes = pyplot.subplots(len(names), 1, figsize=(8, 2 * len(names)), squeeze=False)
        for axis, name in zip(axes[:, 0], names, strict=True):
            points = [(row["step"], row[name]) for row in rows if name in row]
            axis.plot(*zip(*points, strict=True))
            axis.set_ylabel(name)
        figure.tight_layout()
        figure.savefig(self.path.with_suffix(".png"))
        pyplot.close(figure)
