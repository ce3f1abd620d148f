"""The networks equal the reference implementation, and the comparison notices when they do not."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.parity.__main__ import main
from tests.parity.case import Case, NotAFolder, find_cases
from tests.parity.report import Result, judge
from tests.parity.rule import rebuilt
from tests.parity.runner import check

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("case", find_cases([DATA]), ids=lambda case: case.name)
def test_every_stored_output_is_computed(case: Case) -> None:
    off = [verdict.line() for verdict in check(case) if verdict.result is not Result.PASS]
    assert not off


@pytest.fixture
def dsp(tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(DATA / "dsp", tmp_path / "dsp"))


def _spoil(folder: Path, **changes: torch.Tensor) -> None:
    outputs = load_file(folder / "outputs.safetensors")
    save_file({**outputs, **changes}, folder / "outputs.safetensors")


def _results(folder: Path) -> dict[str, Result]:
    return {verdict.output: verdict.result for verdict in check(Case(folder))}


def test_an_output_beyond_the_tolerance_fails(dsp: Path) -> None:
    stored = load_file(dsp / "outputs.safetensors")["sola"]
    _spoil(dsp, sola=stored * 1.001)
    results = _results(dsp)
    assert results.pop("sola") is Result.FAIL
    assert set(results.values()) == {Result.PASS}


def test_an_output_of_another_shape_fails(dsp: Path) -> None:
    _spoil(dsp, sola=load_file(dsp / "outputs.safetensors")["sola"][:-1].clone())
    assert _results(dsp)["sola"] is Result.FAIL


def test_an_output_that_nothing_computes_fails(dsp: Path) -> None:
    _spoil(dsp, unheard_of=torch.zeros(3))
    assert _results(dsp)["unheard_of"] is Result.FAIL


def test_a_kind_that_nothing_knows_is_not_supported_and_does_not_pass(
    dsp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dsp / "config.json").write_text('{"kind": "teleporter"}')
    assert set(_results(dsp).values()) == {Result.NOT_SUPPORTED}
    assert main([str(dsp)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1])["pass"] is False
    assert all("NOT SUPPORTED" in line for line in lines[:-1])


def test_the_last_line_is_json_and_the_exit_status_tells(
    dsp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(dsp)]) == 0
    lines = capsys.readouterr().out.splitlines()
    summary = json.loads(lines[-1])
    assert summary["pass"] is True
    assert summary["outputs"] == summary["passed"] == len(lines) - 1


def test_a_path_without_stored_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAFolder):
        find_cases([tmp_path])
    assert main([str(tmp_path)]) == 2


def test_a_parent_stands_for_all_its_folders() -> None:
    assert [case.name for case in find_cases([DATA])] == sorted(p.name for p in DATA.iterdir() if p.is_dir())


def test_integers_must_be_equal() -> None:
    stored = torch.tensor([1, 2, 1000])
    assert judge("", "", stored + torch.tensor([0, 0, 1]), stored, tolerance=1.0).result is Result.FAIL
    assert judge("", "", stored.to(torch.int32), stored, tolerance=0.0).result is Result.PASS


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_what_is_no_number_fails(wrong: float) -> None:
    stored = torch.ones(3)
    assert judge("", "", torch.tensor([1.0, 1.0, wrong]), stored, tolerance=1.0).result is Result.FAIL


def test_rebuilt_weights_follow_from_name_shape_and_seed_alone() -> None:
    shapes = {"a.weight": (3, 4), "b.norm.weight": (8,), "c.inited": (1,)}
    weights = rebuilt(shapes, seed=3)
    alone = rebuilt({"a.weight": (3, 4)}, seed=3)
    assert torch.equal(weights["a.weight"], alone["a.weight"])
    assert not torch.equal(weights["a.weight"], rebuilt(shapes, seed=4)["a.weight"])
    assert weights["c.inited"].tolist() == [1.0]
    assert (weights["b.norm.weight"] - 1).abs().max() < 0.5
    assert all(torch.equal(tensor, tensor.half().float()) for tensor in weights.values())
