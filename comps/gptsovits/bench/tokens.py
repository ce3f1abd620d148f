"""The first stage alone: tokens a second, raced against the plain float32 loop in the same run."""

import copy
import runpy
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from comps.gptsovits import native
from comps.gptsovits.bench.racing import Contender, race
from comps.gptsovits.devices import Precision
from comps.gptsovits.engine.drawing import Drawer
from comps.gptsovits.engine.forms import Form
from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.runner import Runner
from comps.gptsovits.engine.sampling import History, Sampler
from comps.gptsovits.engine.scheduler import Key
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.networks.t2s import T2S

N_PHONEMES, N_PROMPT = 60, 125
CAPACITY = 512
SEVERAL_ROWS = 8
# Lives with the tests: it is a yardstick, not a part of the product.
YARDSTICK = Path(__file__).resolve().parents[3] / "tests" / "bench" / "plain_loop.py"


@dataclass(frozen=True)
class TokenFigures:
    """Tokens a second, all rows together, once the prompt is read; None without the yardstick."""

    plain: float | None
    exact: float
    one: float  # in the precision asked for
    several: float  # eight rows in that precision
    prefill_seconds: float  # of 60 phonemes and 125 tokens
    plain_prefill_seconds: float | None

    @property
    def ratios(self) -> dict[str, float | None]:
        """Over the plain loop, by the names of `gptsovits bench --json`."""
        figures = {"t2s_ratio_exact": self.exact, "t2s_ratio": self.one, "t2s_ratio_8": self.several}
        return {name: figure / self.plain if self.plain else None for name, figure in figures.items()}


@torch.inference_mode()
def token_figures(
    t2s: T2S,
    *,
    precision: Precision,
    n_tokens: int,
    n_threads: int,
    compiled: bool = True,
    form: Form | None = None,
) -> TokenFigures:
    """Of a network as it was loaded; it is packed in the end. Every contender runs in turn, several times.

    `form`: what the engine chose for the precision.
    """
    library = native.load_library() if compiled else None
    contenders: dict[str, Contender] = {}
    if t2s.phoneme_embedding.weight.device.type == "cpu" and YARDSTICK.exists():
        loop = runpy.run_path(str(YARDSTICK))
        network = copy.deepcopy(t2s)
        for n in {1, torch.get_num_threads()}:  # whichever number of threads suits it
            contenders |= _yardstick(loop, network, n_tokens, n)
    exact, asked = copy.deepcopy(t2s), t2s
    for name, network, n_rows, its_precision, its_form in (
        ("exact", exact, 1, Precision.EXACT, None),
        ("one", asked, 1, precision, form),
        ("several", asked, SEVERAL_ROWS, precision, form),
    ):
        runner = Runner(
            network,
            n_rows,
            capacity=CAPACITY,
            precision=its_precision,
            library=library,
            n_threads=n_threads,
            n_torch_threads=n_threads,
            form=its_form,
        )
        decoding = Decoding(runner, Drawer(library), network, n_rows, n_tokens)
        contenders[name] = _on_threads(n_threads, decoding.decode, decoding.prefill)
        if name == "one":
            contenders["prefill"] = _on_threads(n_threads, decoding.prefill)
    seconds = race(contenders)
    plain, plain_prefill = (
        min((taken for name, taken in seconds.items() if name.startswith(what)), default=None)
        for what in ("plain decoding", "plain prefill")
    )
    return TokenFigures(
        n_tokens / plain if plain else None,
        n_tokens / seconds["exact"],
        n_tokens / seconds["one"],
        SEVERAL_ROWS * n_tokens / seconds["several"],
        seconds["prefill"],
        plain_prefill,
    )


def _on_threads(n: int, run: Callable[[], None], prepare: Callable[[], None] = lambda: None) -> Contender:
    def prepared() -> None:
        torch.set_num_threads(n)
        prepare()

    return Contender(run, prepared)


def _yardstick(loop: dict[str, Any], t2s: T2S, n_tokens: int, n_threads: int) -> dict[str, Contender]:
    it = _sequence(t2s, 0, n_tokens)
    begun = loop["read"](t2s, it.phonemes, it.prompt)

    def read() -> None:
        loop["read"](t2s, it.phonemes, it.prompt)

    def speak() -> None:
        speak_tokens = loop["speak_tokens"]
        speak_tokens(t2s, it.phonemes, it.prompt, it.sampler, it.noise, max_tokens=n_tokens, begun=begun)

    return {
        f"plain prefill, {n_threads} threads": _on_threads(n_threads, read),
        f"plain decoding, {n_threads} threads": _on_threads(n_threads, speak),
    }


class Decoding:
    """As the engine's lane decodes: prefills one by one, then steps of all."""

    def __init__(self, runner: Runner, drawer: Drawer, t2s: T2S, n_rows: int, n_tokens: int) -> None:
        self._runner, self._drawer, self._t2s = runner, drawer, t2s
        self._n_rows, self._n_tokens = n_rows, n_tokens
        self._sequences: list[Sequence] = []

    def prefill(self) -> None:
        self._sequences = [_sequence(self._t2s, row, self._n_tokens) for row in range(self._n_rows)]
        for row, sequence in enumerate(self._sequences):
            first = drained(self._runner.prefill(sequence, row))
            sequence.take(self._drawer.draw([sequence], first[None])[0])

    def decode(self) -> None:
        sequences = self._sequences
        while not sequences[0].is_done:
            draws = self._drawer.draw(sequences, self._runner.step(sequences, range(self._n_rows)))
            for sequence, draw in zip(sequences, draws, strict=True):
                sequence.take(draw)


def drained(slices: Generator[None, None, Tensor]) -> Tensor:
    """What a prefill returns after its last slice."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            logits: Tensor = end.value
            return logits


def _sequence(t2s: T2S, seed: int, n_tokens: int) -> Sequence:
    config, device = t2s.config, t2s.phoneme_embedding.weight.device
    g = torch.Generator().manual_seed(seed)
    prompt = torch.randint(config.vocab_size - 1, (N_PROMPT,), generator=g).to(device)
    return Sequence(
        key=Key(seed, 0),
        phonemes=torch.randint(config.n_symbols, (N_PHONEMES,), generator=g).to(device),
        bert=None,
        prompt=prompt,
        n_phonemes=N_PHONEMES,
        sampler=Sampler.of(SpeechOptions(n_tokens=n_tokens), config.end_token),
        noise=Noise(seed),
        history=History.of_prompt(prompt, config.vocab_size),
        max_tokens=n_tokens,
        is_guarded=False,
    )
