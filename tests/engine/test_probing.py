"""Forms and threads are measured once, remembered, and chosen so that a restart chooses the same."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from comps.gptsovits.devices import Precision
from comps.gptsovits.engine import Engine, choosing, probing
from comps.gptsovits.engine.choosing import Choice, StepTimes, choose, key_of
from comps.gptsovits.engine.forms import Form, forms_for
from comps.gptsovits.engine.probing import counts_up_to, measure, measure_forms, sample
from comps.gptsovits.engine.runner import Runner
from comps.gptsovits.engine.stats import StepStats
from comps.gptsovits.engine.stepping import lay_out
from comps.gptsovits.networks.t2s import T2S
from comps.gptsovits.voice import Voice
from tests.engine.asking import in_engine, request, spoken
from tests.engine.small import T2S_CONFIG, library_or_skip, small_model

TIMES = StepTimes({1: 1.0, 2: 0.95, 4: 0.5}, {1: 8.0, 2: 4.0, 4: 3.9})
TABLE = {Form.COMPILED_INT8: TIMES}
FORMS = (Form.COMPILED_INT8, Form.COMPILED_BFLOAT16)


def network() -> T2S:
    torch.manual_seed(0)
    return T2S(T2S_CONFIG).eval()


def one(seconds: float) -> StepTimes:
    return StepTimes({1: seconds}, {1: seconds})


def never(forms: Sequence[Form]) -> dict[Form, StepTimes]:
    pytest.fail("measured again")


def test_the_fewest_threads_that_are_nearly_as_fast_are_chosen() -> None:
    assert TIMES.threads_for(1) == 4
    assert TIMES.threads_for(8) == 2


def test_every_number_of_threads_is_tried_by_doubling() -> None:
    tried = set()
    times = measure(lambda n_rows, n_threads: tried.add((n_rows, n_threads)), counts_up_to(6))
    assert tried == {(rows, n) for rows in (1, 8) for n in (1, 2, 4, 6)}
    assert set(times.few) == set(times.many) == {1, 2, 4, 6}


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "choices.json"
    other = {form: one(2.0) for form in FORMS}
    for key, times in (("here", TABLE), ("there", other)):
        assert choose(FORMS, key, lambda forms, times=times: times, file=file).times == times
    for key, times in (("here", TABLE), ("there", other)):
        assert choose(FORMS, key, never, file=file) == Choice(FORMS[0], times)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"here": [1, 2]}',
        '{"here": {"form": "compiled, int8", "settled": true}}',
        '{"here": {"form": "compiled, int8", "settled": true, "times": {"compiled, int8": [{"a": 1}, {}]}}}',
        '{"here": {"form": "by hand", "settled": true, "times": {}}}',
    ],
)
def test_a_broken_memory_is_measured_over(tmp_path: Path, text: str) -> None:
    file = tmp_path / "choices.json"
    file.write_text(text)
    assert choose(FORMS, "here", lambda forms: TABLE, file=file).times == TABLE
    assert choose(FORMS, "here", never, file=file).times == TABLE


@pytest.mark.parametrize(("other", "chosen"), [(0.9, 0), (0.7, 0), (0.6, 1)])
def test_another_form_than_usual_has_to_be_much_faster(tmp_path: Path, other: float, chosen: int) -> None:
    file = tmp_path / "choices.json"
    times = {FORMS[0]: one(1.0), FORMS[1]: one(other)}
    assert choose(FORMS, "here", lambda forms: times, file=file).form is FORMS[chosen]
    assert choose(FORMS, "here", never, file=file).form is FORMS[chosen]


def test_a_choice_that_cannot_be_kept_is_not_made(tmp_path: Path) -> None:
    """The next start might find otherwise, and give other samples."""
    (tmp_path / "file").write_text("")
    times = {FORMS[0]: one(1.0), FORMS[1]: one(0.1)}
    choice = choose(FORMS, "here", lambda forms: times, file=tmp_path / "file" / "choices.json")
    assert choice.form is FORMS[0]
    assert choice.threads_for(1) == 1


def test_a_busy_machine_decides_on_the_usual_form_for_good_and_on_threads_for_now(tmp_path: Path) -> None:
    file = tmp_path / "choices.json"
    asked: list[list[Form]] = []

    def measured(forms: Sequence[Form]) -> dict[Form, StepTimes]:
        asked.append(list(forms))
        return {FORMS[0]: one(1.0)} if len(asked) == 1 else TABLE

    assert choose(FORMS, "here", measured, is_busy=True, file=file).threads_for(1) == 1
    later = choose(FORMS, "here", measured, file=file)
    assert asked == [[FORMS[0]], [FORMS[0]]]
    assert later == Choice(FORMS[0], TABLE)
    assert choose(FORMS, "here", never, file=file) == later


def test_the_key_tells_networks_forms_and_threads_apart() -> None:
    keys = {
        key_of(T2S_CONFIG, forms, (n, 1), is_half=is_half)
        for forms in (FORMS, FORMS[:1])
        for n in (1, 2)
        for is_half in (False, True)
    }
    assert len(keys) == 8


def test_no_precision_allows_a_form_that_is_coarser() -> None:
    exact = {Form.COMPILED_FLOAT32, Form.TORCH_PREPACKED, Form.TORCH_TRANSPOSED}
    assert set(forms_for(network(), Precision.EXACT, has_library=True)) <= exact
    half = {*exact, Form.COMPILED_BFLOAT16}
    assert set(forms_for(network(), Precision.BF16, has_library=True)) <= half


@pytest.mark.parametrize("precision", list(Precision))
def test_without_a_library_every_precision_has_a_form_of_torch(precision: Precision) -> None:
    forms = forms_for(network(), precision, has_library=False)
    assert forms
    assert all(form.layout is not None for form in forms)


@pytest.mark.parametrize("form", list(Form))
def test_a_network_keeps_its_form_unless_it_is_exact(form: Form) -> None:
    library, t2s = library_or_skip(), network()
    if form not in (*forms_for(t2s, Precision.AUTO, has_library=True), Form.COMPILED_FLOAT32):
        pytest.skip("not on this machine")
    lay_out(t2s, form, library)
    forms = forms_for(t2s, Precision.INT8, has_library=True)
    assert forms == ((Form.COMPILED_INT8,) if form is Form.COMPILED_FLOAT32 else (form,))


def test_every_form_is_measured_by_networks_of_the_same_size(monkeypatch: pytest.MonkeyPatch) -> None:
    library = library_or_skip()
    monkeypatch.setattr(probing, "BUDGET_SECONDS", 60.0)
    forms = forms_for(network(), Precision.AUTO, has_library=True)
    times = measure_forms(T2S_CONFIG, forms, library, n_threads=2, n_torch_threads=1)
    assert set(times) == set(forms)
    for form, each in times.items():
        assert set(each.few) == set(each.many) == ({1} if form.layout is not None else {1, 2})
    weights = [block.expand for block in sample(T2S_CONFIG, forms[0], library).blocks]
    assert len(weights) == T2S_CONFIG.n_layers
    assert len({each.packed.weight.data_ptr() for each in weights}) == len(weights)


def test_no_form_is_tried_once_the_time_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "BUDGET_SECONDS", 0.0)
    forms = forms_for(network(), Precision.EXACT, has_library=False)
    assert list(measure_forms(T2S_CONFIG, forms, None, n_threads=1, n_torch_threads=1)) == [forms[0]]


def test_what_is_told_are_the_threads_and_the_least_times() -> None:
    choice = Choice(Form.COMPILED_INT8, TABLE | {Form.TORCH_INT8: one(0.02)})
    assert choice.stats == StepStats(
        "compiled, int8", (4, 2), {"compiled, int8": (500.0, 3900.0), "torch, int8": (20.0, 20.0)}
    )
    assert Choice(Form.TORCH_INT8, choice.times).stats.threads is None
    assert Choice(Form.COMPILED_INT8).stats == StepStats("compiled, int8", None, {})


def test_an_engine_tells_how_it_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "cache_folder", lambda: tmp_path)

    async def body(engine: Engine) -> None:
        await engine.ready()
        steps = engine.stats().steps
        assert steps is not None
        assert steps.form in steps.measured_ms

    in_engine(small_model(), body)


@pytest.mark.parametrize("precision", [Precision.EXACT, Precision.INT8])
def test_a_model_that_was_packed_speaks_by_torch_too(voices: list[Voice], precision: Precision) -> None:
    library_or_skip()
    model = small_model()
    lengths: list[int] = []

    async def body(engine: Engine) -> None:
        lengths.append(len(await spoken(engine, request(voices[0]))))

    for compiled in (True, False):
        in_engine(model, body, precision=precision, compiled=compiled)  # type: ignore[arg-type]
    assert lengths[0] == lengths[1] > 0


@pytest.mark.parametrize("compiled", [True, False])
def test_a_runner_that_may_choose_measures_its_own_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    monkeypatch.setattr(choosing, "cache_folder", lambda: tmp_path)
    library = library_or_skip() if compiled else None
    with torch.inference_mode():
        runner = Runner(network(), 3, library=library, n_threads=None)
    assert runner.choice is not None
    assert runner.choice.form in runner.choice.times
    assert runner.choice.threads_for(1) is not None
    assert (tmp_path / "choices.json").exists()
