"""Threads are measured once, remembered, and chosen without a word about samples."""

from pathlib import Path

import pytest
import torch

from comps.gptsovits.engine import probing
from comps.gptsovits.engine.probing import StepTimes, key_of, measure, remembered
from comps.gptsovits.engine.runner import Runner
from comps.gptsovits.networks.t2s import T2S
from tests.engine.small import T2S_CONFIG, library_or_skip

TIMES = StepTimes({1: 1.0, 2: 0.95, 4: 0.5}, {1: 8.0, 2: 4.0, 4: 3.9})


def test_the_fewest_threads_that_are_nearly_as_fast_are_chosen() -> None:
    assert TIMES.threads_for(1) == 4
    assert TIMES.threads_for(8) == 2


def test_every_number_of_threads_is_tried_by_doubling() -> None:
    tried = set()
    times = measure(lambda n_rows, n_threads: tried.add((n_rows, n_threads)), 6)
    assert tried == {(rows, n) for rows in (1, 8) for n in (1, 2, 4, 6)}
    assert set(times.few) == set(times.many) == {1, 2, 4, 6}


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "choices.json"
    assert remembered("here", lambda: TIMES, file=file) == TIMES
    other = StepTimes({1: 2.0}, {1: 3.0})
    assert remembered("there", lambda: other, file=file) == other
    for key, times in (("here", TIMES), ("there", other)):
        assert remembered(key, lambda: pytest.fail("measured again"), file=file) == times


@pytest.mark.parametrize("text", ["", "{", "[]", '{"here": [1, 2]}', '{"here": [{"a": 1}, {}]}'])
def test_a_broken_memory_is_measured_over(tmp_path: Path, text: str) -> None:
    file = tmp_path / "choices.json"
    file.write_text(text)
    assert remembered("here", lambda: TIMES, file=file) == TIMES
    assert remembered("here", lambda: pytest.fail("measured again"), file=file) == TIMES


def test_a_memory_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert remembered("here", lambda: TIMES, file=tmp_path / "file" / "choices.json") == TIMES


def test_the_key_tells_networks_kinds_and_threads_apart() -> None:
    keys = {key_of(T2S_CONFIG, kind, n) for kind in ("INT8", "FLOAT32") for n in (1, 2)}
    assert len(keys) == 4


def test_a_runner_that_may_choose_measures_its_own_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "cache_folder", lambda: tmp_path)
    torch.manual_seed(0)
    with torch.inference_mode():
        runner = Runner(T2S(T2S_CONFIG).eval(), 3, library=library_or_skip(), n_threads=None)
    assert runner.step_times is not None
    assert 1 in runner.step_times.few
    assert (tmp_path / "choices.json").exists()
