"""The loop of a training stage: go on from the checkpoint, step, report, save."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from tqdm import tqdm

from comps.gptsovits.training.progress import Clock, LossLog, load_checkpoint, save_checkpoint


class Stateful(Protocol):
    """Modules, optimisers and averages: whatever a checkpoint holds."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


def add_loop_options(parser: argparse.ArgumentParser, *, steps: int, save_every: int) -> None:
    """How long a stage trains, and how often it says and keeps how far it is."""
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--report", type=int, default=50, help="steps from one line of the log to the next")
    parser.add_argument("--save-every", type=int, default=save_every)


def set_rate(rate: float, *optimisers: torch.optim.Optimizer) -> None:
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate


class Loop:
    """A stage's steps, from `step` on: 0, or where the checkpoint at `path` left off.

    `parts` are loaded from it at once, and saved with it.
    """

    def __init__(
        self, options: argparse.Namespace, name: str, path: Path, parts: Mapping[str, Stateful], clock: Clock
    ) -> None:
        self._options, self._name, self._path, self._parts = options, name, path, parts
        self._clock = clock
        self._log = LossLog(options.work / "logs", name)
        self.step = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        if (state := load_checkpoint(path)) is not None:
            self.step = int(state["step"])
            for part_name, part in parts.items():
                part.load_state_dict(state[part_name])

    def run(
        self,
        once: Callable[[int], dict[str, float]],
        *,
        after_save: Callable[[int], None] = lambda step: None,
    ) -> None:
        """Call `once(step)`, which trains and returns figures, until all steps are done or the time is up."""
        options = self._options
        bar = tqdm(total=options.steps, initial=self.step, desc=self._name, unit="step")
        seen: list[dict[str, float]] = []
        is_over = self._clock.is_over
        while self.step < options.steps and not is_over:
            seen.append(once(self.step))
            self.step += 1
            bar.update()
            if self._is_due(options.report):
                means = _means(seen)
                bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()})
                self._log.add(self.step, **means)
                seen = []
            is_over = self._clock.is_over  # looked at once: what is stopped has been saved
            if self._is_due(options.save_every) or is_over:
                parts = {name: part.state_dict() for name, part in self._parts.items()}
                save_checkpoint(self._path, {"step": self.step, **parts})
                self._log.draw()
                after_save(self.step)

    def _is_due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self._options.steps


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of those figures that the last row has, over the rows that have them."""
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in rows[-1]}
