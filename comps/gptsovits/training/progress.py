"""What every stage shows of itself: options, a log of losses with a plot, checkpoints written whole."""

import argparse
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

DEFAULT_WORK = Path("training_work")


def stage_parser(stage: str, description: str) -> argparse.ArgumentParser:
    """A parser with the options that all stages share."""
    parser = argparse.ArgumentParser(
        prog=f"python -m comps.gptsovits.training.{stage}", description=description
    )
    parser.add_argument("--corpus", type=Path, default=Path("corpus"), help="folder with metadata.jsonl")
    parser.add_argument("--work", type=Path, default=DEFAULT_WORK, help="where everything made is kept")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="CPU threads")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--minutes",
        type=float,
        default=float("inf"),
        help="stop after so long, with a checkpoint to go on from",
    )
    return parser


def add_factors(parser: argparse.ArgumentParser) -> None:
    """The option of stages to which a voice at another speed is another voice."""
    parser.add_argument(
        "--factors",
        type=float,
        nargs="*",
        default=[1.12],
        help="tempos of `t2s` at which every voice is heard once more, as another",
    )


def start(options: argparse.Namespace) -> "Clock":
    """Fix seeds and threads, and start the clock of the time given to the stage."""
    torch.set_num_threads(options.threads)
    random.seed(options.seed)
    np.random.seed(options.seed)
    torch.manual_seed(options.seed)
    options.work.mkdir(parents=True, exist_ok=True)
    return Clock(options.minutes)


class Clock:
    """Whether the time given to a stage is over."""

    def __init__(self, minutes: float) -> None:
        self._end = time.monotonic() + 60.0 * minutes

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end


class LossLog:
    """A JSON line per report in `<name>.jsonl`, and `<name>.png` drawn from all of them."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lines, self._picture = folder / f"{name}.jsonl", folder / f"{name}.png"

    def add(self, step: int, **values: float) -> None:
        with self._lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **{k: round(v, 5) for k, v in values.items()}}) + "\n")

    def draw(self) -> None:
        """Plot every value over steps, if there are any; needs matplotlib (extra `train`)."""
        if not self._lines.exists():
            return
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        rows = [json.loads(line) for line in self._lines.read_text("utf-8").splitlines()]
        names = sorted({name for row in rows for name in row} - {"step"})
        figure, axes = pyplot.subplots(
            len(names), 1, figsize=(8, 2.2 * len(names)), sharex=True, squeeze=False
        )
        for axis, name in zip(axes[:, 0], names, strict=True):
            points = [(row["step"], row[name]) for row in rows if name in row]
            axis.plot(*zip(*points, strict=True), linewidth=1)
            axis.set_ylabel(name)
        axes[-1, 0].set_xlabel("step")
        figure.tight_layout()
        figure.savefig(self._picture, dpi=80)
        pyplot.close(figure)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` so that an interruption leaves the previous file or the new one, never half of one."""
    fresh = path.with_suffix(".partial")
    torch.save(state, fresh)
    fresh.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """What `save_checkpoint` wrote, or None where there is nothing yet."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def trained_checkpoint(path: Path) -> dict[str, Any]:
    """As `load_checkpoint`. Raises FileNotFoundError where there is nothing yet."""
    state = load_checkpoint(path)
    if state is None:
        raise FileNotFoundError(f"{path}: this part of the decoder has not been trained")
    return state


def cosine_rate(step: int, total: int, *, peak: float, warmup: int, floor: float = 0.02) -> float:
    """A learning rate that rises over `warmup` steps and falls along a half cosine to `floor * peak`."""
    if step < warmup:
        return peak * (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, total - warmup))
    return peak * (floor + (1.0 - floor) * 0.5 * (1.0 + float(np.cos(np.pi * done))))
