import math

import pytest

from comps.cores.errors import InvalidOption
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.seeds import derived_seed, fresh_seed


def test_the_defaults_are_valid() -> None:
    SpeechOptions()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("speed", 0.2),
        ("speed", 4.1),
        ("speed", math.nan),
        ("speed", "fast"),
        ("seed", -1),
        ("seed", 2**63),
        ("seed", 1.5),
        ("top_k", 0),
        ("top_k", True),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("temperature", -0.1),
        ("repetition_penalty", 0.0),
        ("pause_seconds", 11.0),
        ("sample_steps", 0),
        ("deadline_seconds", 0.0),
        ("split", "cut9"),
        ("n_tokens", 0),
    ],
)
def test_an_impossible_option_names_itself(name: str, value: object) -> None:
    with pytest.raises(InvalidOption, match=name):
        SpeechOptions(**{name: value})  # type: ignore[arg-type]


def test_derived_seeds_are_reproducible_and_differ_by_purpose() -> None:
    paths = [(segment, attempt, use) for segment in range(5) for attempt in range(3) for use in ("t", "n")]
    seeds = [derived_seed(7, *path) for path in paths]
    assert seeds == [derived_seed(7, *path) for path in paths]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derived_seed(8, 0, 0, "t") != seeds[0]


def test_fresh_seeds_survive_readers_that_know_only_doubles() -> None:
    assert all(int(float(seed)) == seed for seed in (fresh_seed() for _ in range(100)))
