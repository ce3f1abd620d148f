"""The first stage alone: tokens a second, raced against the plain float32 loop in the same run."""

import copy
import importlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from comps.gptsovits import native
from comps.gptsovits.bench.racing import race
from comps.gptsovits.devices import Precision
from comps.gptsovits.engine.drawing import Drawer
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
YARDSTICK = "tests.bench.plain_loop"


@dataclass(frozen=True)
class TokenFigures:
    """Tokens a second, all rows together; None without the yardstick."""

    plain: float | None
    exact: float
    one: float  # in the precision asked for
    several: float  # eight rows in that precision

    @property
    def ratios(self) -> dict[str, float | None]:
        """Over the plain loop, by the names of `gptsovits bench --json`."""
        figures = {"t2s_ratio_exact": self.exact, "t2s_ratio": self.one, "t2s_ratio_8": self.several}
        return {name: figure / self.plain if self.plain else None for name, figure in figures.items()}


@torch.inference_mode()
def token_figures(
    t2s: T2S, *, precision: Precision, n_tokens: int, n_threads: int, compiled: bool = True
) -> TokenFigures:
    """Of a network as it was loaded; it is packed in the end. Every contender runs in turn, several times."""
    library = native.load_library() if compiled else None
    is_cpu = t2s.phoneme_embedding.weight.device.type == "cpu"
    contenders = {}
    plain = _yardstick(copy.deepcopy(t2s) if is_cpu else None, n_tokens)
    if plain is not None:
        contenders["plain"] = plain
    exact, asked = copy.deepcopy(t2s), t2s
    for name, network, n_rows, its_precision in (
        ("exact", exact, 1, Precision.EXACT),
        ("one", asked, 1, precision),
        ("several", asked, SEVERAL_ROWS, precision),
    ):
        runner = Runner(
            network,
            n_rows,
            capacity=CAPACITY,
            precision=its_precision,
            library=library,
            n_threads=n_threads,
        )
        contenders[name] = _decoding(runner, Drawer(library), n_rows, network, n_tokens)
    seconds = race(contenders)
    return TokenFigures(
        n_tokens / seconds["plain"] if plain is not None else None,
        n_tokens / seconds["exact"],
        n_tokens / seconds["one"],
        SEVERAL_ROWS * n_tokens / seconds["several"],
    )


def _yardstick(t2s: T2S | None, n_tokens: int) -> Any:
    if t2s is None:
        return None
    try:
        loop: Any = importlib.import_module(YARDSTICK)
    except ModuleNotFoundError:
        return None
    it = _sequence(t2s, 0, n_tokens)

    def run() -> None:
        loop.speak_tokens(t2s, it.phonemes, it.prompt, it.sampler, it.noise, max_tokens=n_tokens)

    return run


def _decoding(runner: Runner, drawer: Drawer, n_rows: int, t2s: T2S, n_tokens: int) -> Any:
    """As the engine's lane decodes: prefills one by one, then steps of all."""

    def run() -> None:
        sequences = [_sequence(t2s, row, n_tokens) for row in range(n_rows)]
        for row, sequence in enumerate(sequences):
            first = drained(runner.prefill(sequence, row))
            sequence.take(drawer.draw([sequence], first[None])[0])
        while not sequences[0].is_done:
            draws = drawer.draw(sequences, runner.step(sequences, range(n_rows)))
            for sequence, draw in zip(sequences, draws, strict=True):
                sequence.take(draw)

    return run


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
