"""What the forms of a step change of the bundled model's own speech."""

from functools import cache

import pytest
import torch
from torch import Tensor

from comps.gptsovits import native
from comps.gptsovits.checkpoints.build import load_model
from comps.gptsovits.commands.shared import DEFAULT_MODEL, ROOT
from comps.gptsovits.engine.forms import Form
from comps.gptsovits.engine.linears import is_available
from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.sampling import MIN_TOKENS, History, Sampler
from comps.gptsovits.engine.stepping import lay_out, stepping
from comps.gptsovits.networks.t2s import T2S, KVCache
from comps.gptsovits.text.pipeline import phonemize
from tests.engine.small import library_or_skip

TEXTS = (
    "The weather is fine today, and the train to the coast leaves at ten past five.",
    "Nobody knew where the old map had come from.",
    "She counted the coins twice, then put them back into the drawer.",
)
N_TOKENS = 90


def network() -> T2S:
    return load_model(ROOT / DEFAULT_MODEL).t2s


@cache
def spoken(text: str) -> tuple[Tensor, Tensor, Tensor]:
    """Phonemes, the tokens that the exact network says for them by itself, and its logits `[S, V]`."""
    t2s = network()
    phonemes = torch.tensor(phonemize(text, "en").phone_ids)
    cache = KVCache(t2s.config, 1, len(phonemes) + N_TOKENS)
    sampler = Sampler.of(SpeechOptions(n_tokens=N_TOKENS), t2s.config.end_token)
    history = History.of_prompt(torch.zeros(0, dtype=torch.long), t2s.config.vocab_size)
    with torch.inference_mode():
        logits = [t2s.prefill(phonemes, None, torch.zeros(0, dtype=torch.long), cache, 0)]
        tokens = []
        for _ in range(N_TOKENS - 1):
            tokens.append(sampler.draw(logits[-1], history, Noise(1)).token)
            history.append(tokens[-1])
            logits.append(t2s.step(torch.tensor([tokens[-1]]), cache, torch.tensor([0]))[0])
    return phonemes, torch.tensor(tokens), torch.stack(logits)


def repeated(t2s: T2S, library: native.Library, form: Form, text: str) -> Tensor:
    """Logits of a network in this form that is told the same tokens."""
    phonemes, tokens, _ = spoken(text)
    cache, step = stepping(t2s, form, library, n_rows=1, capacity=len(phonemes) + N_TOKENS)
    with torch.inference_mode():
        first = t2s.prefill(phonemes, None, torch.zeros(0, dtype=torch.long), cache, 0)
        return torch.stack([first, *(step([token], [0])[0] for token in tokens.tolist())])


@pytest.mark.parametrize(
    ("form", "agreement", "error"),
    [
        (Form.COMPILED_FLOAT32, 1.0, 1e-5),
        (Form.COMPILED_BFLOAT16, 0.985, 0.01),
        (Form.COMPILED_INT8, 0.985, 0.01),
        (Form.TORCH_PREPACKED, 1.0, 1e-5),
        (Form.TORCH_TRANSPOSED, 1.0, 1e-5),
        (Form.TORCH_INT8, 0.985, 0.01),
    ],
)
def test_the_likeliest_token_and_the_draw_stay_what_they_were(
    form: Form, agreement: float, error: float
) -> None:
    library, t2s = library_or_skip(), network()
    sampler = Sampler.of(SpeechOptions(), t2s.config.end_token)
    if form.layout is not None and not is_available(form.layout):
        pytest.skip("this build of torch has no such product")
    lay_out(t2s, form, library)
    same_best, same_draw, distance, total = 0, 0, 0.0, 0
    for text in TEXTS:
        exact, got = spoken(text)[2], repeated(t2s, library, form, text)
        same_best += int((exact.argmax(1) == got.argmax(1)).sum())
        history = History.of_prompt(torch.zeros(0, dtype=torch.long), t2s.config.vocab_size)
        for k in range(len(exact)):
            history.n_new = MIN_TOKENS + k
            draws = [sampler.draw(logits[k], history, Noise(k)).token for logits in (exact, got)]
            same_draw += draws[0] == draws[1]
        distance = max(distance, float((got - exact).norm() / exact.norm()))
        total += len(exact)
    print(f"{form}: {same_best / total:.3f} {same_draw / total:.3f} {distance:.2e}")
    assert same_best >= min(agreement + 0.005, 1.0) * total
    assert same_draw >= agreement * total
    assert distance <= error
