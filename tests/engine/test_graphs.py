"""Steps as they are recorded for a GPU, run unrecorded here: rows, tokens, and an end that is seen late."""

import asyncio
from functools import partial

import pytest
import torch

from comps.gptsovits.engine import Engine, lane, worker
from comps.gptsovits.engine.drawing import Drawer
from comps.gptsovits.engine.graphs import BUCKETS, SPARE, WINDOWS, GraphedDecoder, bucket_of
from comps.gptsovits.engine.lane import Lane
from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.sampling import Draw, History, Sampler
from comps.gptsovits.engine.scheduler import Key
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.networks.t2s import T2S, KVCache
from comps.gptsovits.voice import Voice
from tests.engine.asking import in_engine, request, spoken
from tests.engine.recording import Recorder, Replayer
from tests.engine.small import N_BINS, T2S_CONFIG, small_model

N_ROWS, CAPACITY, N_TOKENS = 6, 300, 25
OPTIONS = (
    SpeechOptions(),
    SpeechOptions(top_k=1),
    SpeechOptions(top_p=0.7, temperature=0.6, top_k=20),
    SpeechOptions(n_tokens=N_TOKENS, repetition_penalty=1.0),
)


@pytest.fixture(scope="module")
def t2s() -> T2S:
    torch.manual_seed(3)
    made = T2S(T2S_CONFIG).eval()
    made.head.weight.data.mul_(4.0)
    return made


def sequence(i: int) -> Sequence:
    g = torch.Generator().manual_seed(i)
    prompt = torch.randint(N_BINS, (5 * i,), generator=g)
    return Sequence(
        key=Key(i, 0),
        phonemes=torch.randint(700, (9 + 50 * (i % 3),), generator=g),
        bert=None,
        prompt=prompt,
        n_phonemes=9,
        sampler=Sampler.of(OPTIONS[i % len(OPTIONS)], T2S_CONFIG.end_token),
        noise=Noise(i),
        history=History.of_prompt(prompt, T2S_CONFIG.vocab_size),
        max_tokens=N_TOKENS,
        is_guarded=False,
    )


@torch.inference_mode()
def begin(t2s: T2S, cache: KVCache, it: Sequence, row: int) -> None:
    logits = t2s.prefill(it.phonemes, None, it.prompt, cache, row)
    it.take(Drawer().draw([it], logits[None])[0])


@torch.inference_mode()
def eager(t2s: T2S, i: int) -> list[int]:
    """Alone, as the engine does on any device without graphs."""
    it, cache = sequence(i), KVCache(T2S_CONFIG, 1, CAPACITY)
    begin(t2s, cache, it, 0)
    while not it.is_done:
        logits = t2s.step(torch.tensor(it.tokens[-1:]), cache, torch.tensor([0]))
        it.take(Drawer().draw([it], logits)[0])
    return it.tokens


@torch.inference_mode()
def test_the_tokens_of_recorded_steps_are_those_of_eager_ones(t2s: T2S) -> None:
    recorder, cache = Recorder(), KVCache(T2S_CONFIG, N_ROWS, CAPACITY + SPARE)
    decoder = GraphedDecoder(t2s, cache, record=recorder)
    rows = {0: 0, 1: 2, 2: 3, 3: 5}  # sequence -> row; rows 1 and 4 belong to nobody
    running = {i: sequence(i) for i in rows}
    for i, it in running.items():
        begin(t2s, cache, it, rows[i])
        decoder.admit(it, rows[i])
    whole = dict(running)
    turn = 0
    while running:
        # Now and then only some are stepped, as when others are pressed.
        chosen = [i for i in running if turn % 3 or i % 2 == 0] or list(running)
        turn += 1
        for it, draw in decoder.turn([running[i] for i in chosen], [rows[i] for i in chosen]):
            if not it.is_done:
                it.take(draw)
        running = {i: it for i, it in running.items() if not it.is_done}
    assert {i: it.tokens for i, it in whole.items()} == {i: eager(t2s, i) for i in rows}
    assert recorder.n_recorded <= 4


def say_what_eager_steps_say(t2s: T2S, cache: KVCache, decoder: GraphedDecoder, n: int) -> None:
    """Decodes n sequences together to their ends."""
    running = {i: sequence(i) for i in range(n)}
    for i, it in running.items():
        begin(t2s, cache, it, i)
        decoder.admit(it, i)
    whole = dict(running)
    while running:
        for it, draw in decoder.turn(list(running.values()), list(running)):
            if not it.is_done:
                it.take(draw)
        running = {i: it for i, it in running.items() if not it.is_done}
    assert {i: it.tokens for i, it in whole.items()} == {i: eager(t2s, i) for i in whole}


@torch.inference_mode()
def test_steps_that_a_gpu_would_record_say_the_same(t2s: T2S) -> None:
    """Nothing of a step is refused by a capture, and a replay knows all it needs."""
    cache = KVCache(T2S_CONFIG, N_ROWS, CAPACITY + SPARE)
    decoder = GraphedDecoder(t2s, cache, record=Replayer())
    say_what_eager_steps_say(t2s, cache, decoder, 4)


def test_a_replay_does_on_the_same_memory_what_was_recorded_and_no_more() -> None:
    given, made = torch.zeros(2), torch.zeros(2)
    factor = 2

    def run() -> None:
        made.copy_((given + 1) * factor)

    replay = Replayer()(run)
    given.fill_(4.0)
    factor = 3  # as a graph, a replay does not ask for it again
    replay()
    assert made.tolist() == [10.0, 10.0]
    with pytest.raises(RuntimeError, match="not permitted"):
        Replayer()(lambda: made.fill_(float(given[0])))


@torch.inference_mode()
def test_what_a_step_says_is_known_after_the_next_is_launched(t2s: T2S) -> None:
    cache = KVCache(T2S_CONFIG, 1, CAPACITY + SPARE)
    decoder, it = GraphedDecoder(t2s, cache, record=Recorder()), sequence(1)
    begin(t2s, cache, it, 0)
    decoder.admit(it, 0)
    assert decoder.turn([it], [0]) == []
    (same, draw), *others = decoder.turn([it], [0])
    assert same is it
    assert not others
    assert draw == Draw(eager(t2s, 1)[1], is_end=False)


@torch.inference_mode()
def test_what_was_recorded_ahead_is_all_that_is_run_and_leaves_no_trace(t2s: T2S) -> None:
    recorder, cache = Recorder(), KVCache(T2S_CONFIG, N_ROWS, CAPACITY + SPARE)
    decoder = GraphedDecoder(t2s, cache, record=recorder)
    decoder.record_all()
    n_recorded = recorder.n_recorded
    assert n_recorded == 4 * 2  # of 1, 2, 4 and 6 rows, over 256 positions and over all
    say_what_eager_steps_say(t2s, cache, decoder, 5)
    assert recorder.n_recorded == n_recorded


@torch.inference_mode()
def test_steps_of_one_size_say_the_same_and_are_recorded_once(t2s: T2S) -> None:
    recorder, cache = Recorder(), KVCache(T2S_CONFIG, N_ROWS, CAPACITY + SPARE)
    decoder = GraphedDecoder(t2s, cache, record=recorder, one_size=True)
    decoder.record_all()
    it = sequence(2)
    begin(t2s, cache, it, 2)
    decoder.admit(it, 2)
    while not it.is_done:
        for _, draw in decoder.turn([it], [2]):
            it.take(draw)
    assert it.tokens == eager(t2s, 2)
    assert recorder.n_recorded == 1


@torch.inference_mode()
def test_a_row_that_does_not_step_is_left_as_it_was(t2s: T2S) -> None:
    cache = KVCache(T2S_CONFIG, 2, CAPACITY + SPARE)
    decoder = GraphedDecoder(t2s, cache, record=Recorder())
    for row in range(2):
        it = sequence(row)
        begin(t2s, cache, it, row)
        decoder.admit(it, row)
    before = cache.keys[:, 0, :, :CAPACITY].clone(), int(cache.lengths[0])
    decoder.turn([it], [1])
    assert torch.equal(cache.keys[:, 0, :, :CAPACITY], before[0])
    assert int(cache.lengths[0]) == before[1]


@torch.inference_mode()
def test_logits_that_are_no_numbers_are_told(t2s: T2S) -> None:
    cache = KVCache(T2S_CONFIG, 1, CAPACITY + SPARE)
    decoder, it = GraphedDecoder(t2s, cache, record=Recorder()), sequence(1)
    begin(t2s, cache, it, 0)
    decoder.admit(it, 0)
    cache.values[:, 0, :, 0] = torch.nan
    decoder.turn([it], [0])
    assert decoder.turn([it], [0]) == [(it, None)]


def test_the_smallest_bucket_that_holds_them_is_taken() -> None:
    assert [bucket_of(n, BUCKETS, 48) for n in (1, 2, 3, 9, 17, 33, 48)] == [1, 2, 4, 16, 32, 48, 48]
    assert [bucket_of(n, WINDOWS, 2560) for n in (10, 256, 257, 2000)] == [256, 256, 512, 2560]


@pytest.mark.parametrize("kind", [Recorder, Replayer])
def test_an_engine_with_graphs_says_the_same_tokens(
    voices: list[Voice], kind: type[Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole requests, at once and with ends that come late; as many samples are as many tokens."""

    async def body(engine: Engine) -> None:
        wanted = [request(voice, seed=i, n_tokens=20 + 7 * i) for i, voice in enumerate(voices[:5])]
        wanted.append(request(voices[5], n_tokens=None))  # ends by itself, or is stopped by the guard
        together = await asyncio.gather(*(spoken(engine, one) for one in wanted))
        lengths.append([len(sound) for sound in together])
        assert engine.stats().failed_total == 0

    lengths: list[list[int]] = []
    in_engine(small_model(), body, max_running=4, compiled=False)
    monkeypatch.setattr(lane, "usual_windows", lambda model: ())  # nothing is won by it here
    monkeypatch.setattr(worker, "Lane", partial(Lane, record=kind()))
    in_engine(small_model(), body, max_running=4, compiled=False)
    assert lengths[0] == lengths[1]
