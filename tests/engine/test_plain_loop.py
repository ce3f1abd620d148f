"""The engine's tokens are those of the plainest loop over the same weights."""

import pytest
import torch

from comps.gptsovits.devices import Precision
from comps.gptsovits.engine.drawing import Drawer
from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.runner import Runner
from comps.gptsovits.engine.sampling import History, Sampler
from comps.gptsovits.engine.scheduler import Key
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.networks.t2s import T2S
from tests.bench.plain_loop import speak_tokens
from tests.engine.small import N_BINS, T2S_CONFIG, library_or_skip, returned

MAX_TOKENS = 60


def t2s() -> T2S:
    torch.manual_seed(3)
    made = T2S(T2S_CONFIG).eval()
    made.head.weight.data.mul_(4.0)
    return made


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("n_prompt", [0, 1, 30])
@pytest.mark.parametrize(
    "options",
    [SpeechOptions(top_k=1), SpeechOptions(), SpeechOptions(top_p=0.6, temperature=0.6, top_k=20)],
    ids=["greedy", "default", "narrow"],
)
@torch.inference_mode()
def test_the_engines_tokens_are_those_of_the_plain_loop(
    n_prompt: int, options: SpeechOptions, compiled: bool
) -> None:
    library = library_or_skip() if compiled else None
    g = torch.Generator().manual_seed(n_prompt)
    phonemes = torch.randint(700, (17,), generator=g)
    prompt = torch.randint(N_BINS, (n_prompt,), generator=g)
    sampler = Sampler.of(options, T2S_CONFIG.end_token)
    plain = speak_tokens(t2s(), phonemes, prompt, sampler, Noise(8), max_tokens=MAX_TOKENS)
    sequence = Sequence(
        key=Key(0, 0),
        phonemes=phonemes,
        bert=None,
        prompt=prompt,
        n_phonemes=17,
        sampler=sampler,
        noise=Noise(8),
        history=History.of_prompt(prompt, T2S_CONFIG.vocab_size),
        max_tokens=MAX_TOKENS,
        is_guarded=False,
    )
    runner = Runner(t2s(), 2, capacity=128, precision=Precision.EXACT, library=library)
    drawer = Drawer(library)
    sequence.take(drawer.draw([sequence], returned(runner.prefill(sequence, 1))[None])[0])
    while not sequence.is_done:
        sequence.take(drawer.draw([sequence], runner.step([sequence], [1]))[0])
    assert len(plain) >= 11
    assert sequence.tokens == plain
