"""Guard: does a segment's token sequence look like its text, spoken once? No torch.

Dropped and repeated words are the first complaint about this family of models. They show in the tokens: far
fewer or far more than the phonemes need, a token that repeats for seconds, a loop, no end at all.

English corpus speech has 1.6 to 3.5 tokens a phoneme (25 tokens a second; the middle is 2.3), so the bands
below are wide: what lies outside is a fault, not a style. A clip with a transcript tells its speaker's rate.

A model with an ear (`comps/gptsovits/ear.py`) is listened to as well: do the tokens say the phonemes?
"""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

TOKENS_PER_PHONEME = 2.3
TOKENS_PER_SECOND = 25
SLOWEST, FASTEST = 3.2, 1.6  # rates that a clip is believed to have: the rest of it is silence, or not said
MIN_PROMPT_PHONEMES = 10  # for the clip's rate to mean anything

# A segment needs at least this share of the expected tokens, once it has enough phonemes to tell,
LEAST_SHARE = 0.6
MIN_PHONEMES_TO_JUDGE = 8
# and is cut off at this multiple of them, and an allowance for breath.
LARGEST_MULTIPLE = 2.1
MAX_ALLOWANCE = 40
MAX_TOKENS = 1_500  # a minute: the longest that the model was trained for

LONGEST_RUN = 32  # of one token: 1.3 s
LONGEST_LOOP = 48  # tokens that repeat those `period` earlier
PERIODS = range(2, 25)
MIN_TOKENS_FOR_SHARE, LARGEST_SHARE = 48, 0.6  # of one token in the whole segment

# While a segment is still being decoded, what could become a fault is not spoken yet:
DOUBTFUL_RUN, DOUBTFUL_LOOP = 12, 24  # it has begun to repeat itself, which may be a pause;
DOUBTFUL_MULTIPLE = 1.3  # or it is longer than most, and has not ended.


class Fault(StrEnum):
    """What is wrong with a segment's tokens; the value is the middle of a sentence."""

    TOO_SHORT = "was shorter than its text"
    NO_END = "did not end where its text ends"
    STUCK = "got stuck on a sound"
    UNCLEAR = "did not say its text clearly"


def speaking_rate(seconds: float, n_phonemes: int) -> float:
    """Tokens a phoneme of a clip with its transcript, or of an ordinary speaker where there is none."""
    if n_phonemes < MIN_PROMPT_PHONEMES:
        return TOKENS_PER_PHONEME
    return min(SLOWEST, max(FASTEST, TOKENS_PER_SECOND * seconds / n_phonemes))


def expected_tokens(n_phonemes: int, rate: float = TOKENS_PER_PHONEME) -> int:
    """How many tokens a speaker of this rate needs."""
    return round(rate * n_phonemes) + 4


def max_tokens(n_phonemes: int, rate: float = TOKENS_PER_PHONEME) -> int:
    """Where a segment that has not ended is cut off."""
    return min(MAX_TOKENS, int(LARGEST_MULTIPLE * rate * n_phonemes) + MAX_ALLOWANCE)


def fault_of(
    tokens: Sequence[int], n_phonemes: int, *, has_ended: bool, rate: float = TOKENS_PER_PHONEME
) -> Fault | None:
    """The fault of a finished segment, or None."""
    if stuck_from(tokens) is not None:
        return Fault.STUCK
    if not has_ended:
        return Fault.NO_END
    if n_phonemes >= MIN_PHONEMES_TO_JUDGE and len(tokens) < LEAST_SHARE * rate * n_phonemes:
        return Fault.TOO_SHORT
    return None


def stuck_from(tokens: Sequence[int]) -> int | None:
    """Where a segment begins to repeat itself, or None: a long run, a long loop, or one token all over."""
    starts = [start for period in (1, *PERIODS) if (start := _repeats_from(tokens, period)) is not None]
    if starts:
        return min(starts)
    if len(tokens) >= MIN_TOKENS_FOR_SHARE:
        token, count = Counter(tokens).most_common(1)[0]
        if count > LARGEST_SHARE * len(tokens):
            return list(tokens).index(token)
    return None


def _repeats_from(tokens: Sequence[int], period: int) -> int | None:
    longest = LONGEST_RUN if period == 1 else LONGEST_LOOP
    length = 0
    for i in range(period, len(tokens)):
        length = length + 1 if tokens[i] == tokens[i - period] else 0
        if length + period >= longest and length > period:
            return i - length - period + 1
    return None


def n_sound(tokens: Sequence[int], n_phonemes: int, rate: float = TOKENS_PER_PHONEME) -> int:
    """How many tokens of a segment that has not ended yet are beyond doubt."""
    starts = [_tail_repeats_from(tokens, 1, DOUBTFUL_RUN)]
    starts += [_tail_repeats_from(tokens, period, DOUBTFUL_LOOP) for period in PERIODS]
    return min([int(DOUBTFUL_MULTIPLE * expected_tokens(n_phonemes, rate)), *starts])


def _tail_repeats_from(tokens: Sequence[int], period: int, longest: int) -> int:
    """Where a repetition begins that lasts to the end so far; the end where there is none."""
    n, length = len(tokens), 0
    while length + period < n and tokens[n - 1 - length] == tokens[n - 1 - length - period]:
        length += 1
    return n - length - period if length + period >= longest and length >= period else n


def salvaged(tokens: Sequence[int]) -> list[int]:
    """What can be kept of a segment when no attempt was good: it stops where it got stuck."""
    start = stuck_from(tokens)
    if start is None:
        return list(tokens)
    return list(tokens[: max(start + PERIODS.stop, PERIODS.stop)])


def strangeness(
    tokens: Sequence[int],
    n_phonemes: int,
    fault: Fault,
    rate: float = TOKENS_PER_PHONEME,
    *,
    fit: float = 0.0,
) -> float:
    """Orders faulty attempts: the least strange is kept.

    Unclear ones by how they fit their text (`Ear.fit`), below 1; all others by the ratio of their length to
    the expected one, above 1.
    """
    if fault is Fault.UNCLEAR:
        return fit / (fit - 1.0)
    kept = max(1, len(salvaged(tokens)))
    expected = expected_tokens(n_phonemes, rate)
    return max(kept / expected, expected / kept) + (1.0 if fault is Fault.STUCK else 0.0)
