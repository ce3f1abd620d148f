import numpy as np
import pytest

from comps.gptsovits.engine.guard import (
    DOUBTFUL_RUN,
    LONGEST_LOOP,
    LONGEST_RUN,
    Fault,
    expected_tokens,
    fault_of,
    max_tokens,
    n_sound,
    salvaged,
    speaking_rate,
    strangeness,
    stuck_from,
)


def speech(n: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(0, 512, n).tolist()


@pytest.mark.parametrize("n_phonemes", [1, 5, 20, 80, 200])
def test_speech_of_ordinary_length_passes(n_phonemes: int) -> None:
    for share in (0.75, 1.0, 1.4):
        tokens = speech(max(11, int(share * expected_tokens(n_phonemes))))
        assert fault_of(tokens, n_phonemes, has_ended=True) is None


def test_a_dropped_half_is_too_short() -> None:
    assert fault_of(speech(20), 40, has_ended=True) is Fault.TOO_SHORT


def test_very_short_texts_are_not_judged_by_their_length() -> None:
    assert fault_of(speech(1), 5, has_ended=True) is None


def test_no_end_before_the_maximum_is_a_fault() -> None:
    assert fault_of(speech(max_tokens(30)), 30, has_ended=False) is Fault.NO_END


def test_a_pause_is_no_fault_and_a_long_run_is() -> None:
    pause = [*speech(30), *[7] * (LONGEST_RUN - 6), *speech(30, 1)]
    assert fault_of(pause, 30, has_ended=True) is None
    stuck = [*speech(30), *[7] * LONGEST_RUN]
    assert fault_of(stuck, 30, has_ended=True) is Fault.STUCK
    assert stuck_from(stuck) == 30


@pytest.mark.parametrize("period", [2, 5, 24])
def test_a_loop_is_found_where_it_begins(period: int) -> None:
    loop = (speech(period, 3) * LONGEST_LOOP)[: LONGEST_LOOP + 2]
    tokens = [*speech(40), *loop]
    assert fault_of(tokens, 40, has_ended=True) is Fault.STUCK
    start = stuck_from(tokens)
    assert start is not None
    assert abs(start - 40) <= 1


def test_a_word_said_twice_is_no_loop() -> None:
    word = speech(15, 3)
    assert stuck_from([*speech(20), *word, *word, *speech(20, 5)]) is None


def test_one_token_nearly_all_over_is_a_fault() -> None:
    tokens = [3 if i % 4 else t for i, t in enumerate(speech(80))]
    assert fault_of(tokens, 33, has_ended=True) is Fault.STUCK


def test_what_is_salvaged_stops_where_it_got_stuck() -> None:
    tokens = [*speech(30), *[7] * 200]
    kept = salvaged(tokens)
    assert kept == tokens[: len(kept)]
    assert 30 <= len(kept) < 60
    assert salvaged(speech(50)) == speech(50)


def test_the_least_strange_attempt_has_about_the_expected_length() -> None:
    near = strangeness(speech(110), 40, Fault.NO_END)
    far = strangeness(speech(240), 40, Fault.NO_END)
    stuck = strangeness([*speech(60), *[7] * 180], 40, Fault.STUCK)
    assert near < far
    assert near < stuck


def test_the_maximum_leaves_room_for_slow_speech_and_is_bounded() -> None:
    for n in (1, 10, 100, 10_000):
        assert min(1_500, 2 * expected_tokens(n)) <= max_tokens(n) <= 1_500


def test_a_clips_own_rate_moves_the_bands_within_reason() -> None:
    assert speaking_rate(0, 0) == expected_tokens(1000) / 1000 - 0.004
    assert speaking_rate(6.0, 50) == 3.0
    assert speaking_rate(30.0, 50) == 3.2
    assert speaking_rate(1.0, 50) == 1.6
    tokens = speech(60)
    assert fault_of(tokens, 40, has_ended=True) is None
    assert fault_of(tokens, 40, has_ended=True, rate=3.2) is Fault.TOO_SHORT


def test_an_unfinished_segment_is_sound_up_to_where_it_begins_to_repeat_itself() -> None:
    assert n_sound(speech(30), 40) == 30
    assert n_sound([*speech(30), *[7] * (DOUBTFUL_RUN - 1)], 40) == 30 + DOUBTFUL_RUN - 1
    assert n_sound([*speech(30), *[7] * DOUBTFUL_RUN], 40) == 30
    assert n_sound([*speech(30), *[7] * DOUBTFUL_RUN, 8], 40) == 31 + DOUBTFUL_RUN
    phrase = speech(14, 3)
    assert n_sound([*speech(30), *phrase, *phrase], 40) == 30


def test_an_unfinished_segment_is_in_doubt_where_most_would_have_ended() -> None:
    assert n_sound(speech(300), 40) < 150
