"""Cuts follow from the text, and grow no faster than audio is made."""

import itertools

import pytest

from comps.gptsovits.engine.pacing import (
    FIRST_TOKENS,
    GROWTH,
    LOOKAHEAD_TOKENS,
    STEP_TOKENS,
    Cuts,
    chunk_tokens,
)


def cuts_of(n_tokens: int, n_before: int = 0) -> list[int]:
    """Where a segment of so many tokens is cut."""
    cuts = Cuts(n_before)
    passed = []
    for n in range(n_tokens):
        if n >= cuts.needed:
            cuts.advance()
            passed.append(cuts.last)
    return passed


def test_the_first_chunk_is_short_and_none_is_shorter_than_the_one_before() -> None:
    bounds = [0, *cuts_of(400)]
    sizes = [stop - start for start, stop in itertools.pairwise(bounds)]
    assert sizes[0] == FIRST_TOKENS
    assert sizes == sorted(sizes)
    assert sizes[-1] > 5 * sizes[0]


def test_a_short_segment_is_spoken_whole() -> None:
    assert cuts_of(FIRST_TOKENS + LOOKAHEAD_TOKENS) == []


def test_far_into_a_request_ordinary_segments_are_spoken_whole() -> None:
    assert cuts_of(120, n_before=0) != []
    assert cuts_of(120, n_before=500) == []


def test_after_a_cut_there_always_is_something_left_to_speak() -> None:
    for n_tokens in range(1, 300):
        cuts = cuts_of(n_tokens)
        assert not cuts or n_tokens - cuts[-1] >= LOOKAHEAD_TOKENS


@pytest.mark.parametrize("n_segments", [1, 4])
@pytest.mark.parametrize("n_tokens", [30, 45, 150, 163])
@pytest.mark.parametrize(("tokens_rtf", "audio_rtf"), [(0.1, 0.1), (0.3, 0.3), (0.4, 0.4), (0.6, 0.2)])
def test_a_listener_never_waits_while_audio_is_made_fast_enough(
    tokens_rtf: float, audio_rtf: float, n_tokens: int, n_segments: int
) -> None:
    """A clock that only runs while tokens are decoded and audio is made, one after the other."""
    n_decoded = n_spoken = 0
    n_heard_first = clock_at_first = 0.0
    for segment in range(n_segments):
        n_before = segment * n_tokens
        for stop in (*cuts_of(n_tokens, n_before), n_tokens):
            ahead = LOOKAHEAD_TOKENS if stop < n_tokens else 0
            n_decoded, before, n_spoken = n_before + stop + ahead, n_spoken, n_before + stop
            clock = tokens_rtf * n_decoded + audio_rtf * n_spoken
            if not n_heard_first:
                n_heard_first, clock_at_first = n_spoken, clock
            else:
                assert clock - clock_at_first <= before + 1


def test_chunks_could_not_grow_faster() -> None:
    """At the slowest pace that is promised, a longer chunk would come when all before it has been heard."""
    rtf = 1 / (1 + GROWTH)
    for n_before in range(FIRST_TOKENS, 2_000, STEP_TOKENS):
        n_longer = chunk_tokens(n_before) + STEP_TOKENS
        assert rtf * (n_before + n_longer - FIRST_TOKENS) > n_before - 1e-9
        assert rtf * (n_before + chunk_tokens(n_before) - FIRST_TOKENS) <= n_before
