"""The compiled draw is the sampler's."""

import pytest
import torch

from comps.gptsovits.engine.drawing import Drawer
from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.sampling import History, Sampler
from comps.gptsovits.engine.scheduler import Key
from comps.gptsovits.engine.sequence import Sequence
from tests.engine.small import library_or_skip

V = 1025
OPTIONS = [
    SpeechOptions(),
    SpeechOptions(top_k=1),
    SpeechOptions(top_k=5000, temperature=0.7, repetition_penalty=1.0),
    SpeechOptions(temperature=0.0),
    SpeechOptions(top_p=0.8, top_k=50),
    SpeechOptions(n_tokens=50, repetition_penalty=2.0),
]


def sequence(i: int) -> Sequence:
    prompt = torch.randint(V - 1, (40,), generator=torch.Generator().manual_seed(i))
    return Sequence(
        key=Key(i, 0),
        phonemes=prompt,
        bert=None,
        prompt=prompt,
        n_phonemes=40,
        sampler=Sampler.of(OPTIONS[i % len(OPTIONS)], V - 1),
        noise=Noise(i * 2**55 + 7),
        history=History.of_prompt(prompt, V),
        max_tokens=1000,
        is_guarded=False,
    )


def test_rows_with_any_options_are_drawn_as_their_samplers_do() -> None:
    library = library_or_skip()
    sequences = [sequence(i) for i in range(12)]
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        logits = 3.0 * torch.randn(12, V, generator=generator)
        expected = Drawer().draw(sequences, logits)
        assert Drawer(library).draw(sequences, logits) == expected
        for each, draw in zip(sequences, expected, strict=True):
            assert draw is not None
            each.history.append(draw.token)


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("compiled", [True, False])
def test_logits_that_are_no_numbers_are_drawn_from_by_nobody(wrong: float, compiled: bool) -> None:
    drawer = Drawer(library_or_skip() if compiled else None)
    logits = torch.randn(3, V, generator=torch.Generator().manual_seed(0))
    logits[1, 17] = wrong
    assert [draw is None for draw in drawer.draw([sequence(i) for i in range(3)], logits)] == [
        False,
        True,
        False,
    ]
