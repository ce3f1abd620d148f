"""A stage's loop goes on from its checkpoint, and keeps what it has done when its time is up."""

import argparse
import json
from pathlib import Path

import torch
from torch import nn

from comps.gptsovits.training.loop import Loop, add_loop_options, set_rate
from comps.gptsovits.training.progress import Clock


class Stage:
    """Adds up the steps it is asked for."""

    def __init__(self, work: Path, *, steps: int, clock: Clock | None = None) -> None:
        parser = argparse.ArgumentParser()
        add_loop_options(parser, steps=steps, save_every=4)
        options = parser.parse_args(["--report", "3"])
        options.work = work
        self.total = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.total.weight)
        self.saved: list[int] = []
        parts = {"total": self.total}
        self.loop = Loop(options, "stage", work / "made" / "stage.pt", parts, clock or Clock(1.0))
        self.begun = self.loop.step
        self.loop.run(self.once, after_save=self.saved.append)

    def once(self, step: int) -> dict[str, float]:
        self.total.weight.data += step
        return {"step twice": 2.0 * step} | ({"odd": 1.0} if step % 2 else {})


def test_steps_go_on_from_the_last_ones(tmp_path: Path) -> None:
    first = Stage(tmp_path, steps=5)
    assert (first.begun, first.saved) == (0, [4, 5])
    second = Stage(tmp_path, steps=9)
    assert (second.begun, second.saved) == (5, [8, 9])
    assert second.total.weight.item() == sum(range(9))
    third = Stage(tmp_path, steps=9)
    assert third.saved == []
    assert third.total.weight.item() == sum(range(9))


def test_reports_are_means_of_the_steps_since_the_last(tmp_path: Path) -> None:
    Stage(tmp_path, steps=7)
    lines = (tmp_path / "logs" / "stage.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [(row["step"], row["step twice"]) for row in rows] == [(3, 2.0), (6, 8.0), (7, 12.0)]
    assert ["odd" in row for row in rows] == [False, True, False]  # as in the last step of each


class Rings(Clock):
    """When it has been looked at so often."""

    def __init__(self, looks: int) -> None:
        super().__init__(1.0)
        self.looks = looks

    @property
    def is_over(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def test_what_is_done_is_kept_when_the_time_is_up(tmp_path: Path) -> None:
    for looks in range(1, 4):
        work = tmp_path / str(looks)
        stage = Stage(work, steps=100, clock=Rings(looks))
        assert stage.saved == [stage.loop.step]
        assert stage.loop.step == looks
        assert Stage(work, steps=looks).begun == stage.loop.step


def test_a_rate_is_set_for_all_parameters_of_all_optimisers() -> None:
    optimisers = [torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0) for _ in range(2)]
    set_rate(0.25, *optimisers)
    assert [group["lr"] for each in optimisers for group in each.param_groups] == [0.25, 0.25]
