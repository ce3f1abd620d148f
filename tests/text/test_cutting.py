"""Cutting: the reference API's six ways piece for piece, and the laws of our own."""

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comps.cores.errors import InvalidOption
from comps.gptsovits.text.cutting import METHODS, Passage, passages, split_text
from comps.gptsovits.text.markup import MARKUP

# From the reference data of the project: what `pre_seg_text` of the reference implementation returns.
CUTS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "cuts.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("row", CUTS, ids=[f"{r['method']}-{r['language']}-{r['text'][:12]!r}" for r in CUTS])
def test_the_reference_s_cuts_are_cut_as_there(row: dict[str, str]) -> None:
    assert split_text(row["text"], row["method"], row["language"]) == row["segments"]


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


@given(st.text(max_size=400))
def test_no_letter_is_lost_added_or_moved(text: str) -> None:
    pieces = split_text(text)
    assert _letters("".join(pieces)) == _letters(text)
    assert all(re.search(r"[^\W_]", piece) for piece in pieces)


@given(
    st.text(alphabet=st.sampled_from("ab. ,!?。，…你好はい안\n\"'1-"), max_size=600), st.sampled_from(METHODS)
)
def test_every_method_takes_every_text(text: str, method: str) -> None:
    assert all(split_text(text, method, "zh"))


def test_sentences_end_where_a_reader_ends_them() -> None:
    assert split_text(
        "Dr. Smith met Mr. Jones at 5 p.m. in Washington, D.C. They spoke for 2.5 hours about it."
    ) == [
        "Dr. Smith met Mr. Jones at 5 p.m. in Washington, D.C.",
        "They spoke for 2.5 hours about it.",
    ]
    quoted = "She said it was etc. and so on. “Is that so?” he asked. (It was late at night.) Bye for now."
    assert split_text(quoted) == [
        "She said it was etc. and so on.",
        "“Is that so?” he asked. (It was late at night.) Bye for now.",
    ]


def test_short_sentences_are_joined_and_lines_are_not() -> None:
    assert split_text("Really? Yes. That is what he said to me.") == [
        "Really? Yes. That is what he said to me."
    ]
    assert split_text("A title\nThe first sentence of the text.") == [
        "A title",
        "The first sentence of the text.",
    ]
    assert split_text("今日は良い天気です。散歩に行きましょう！") == [
        "今日は良い天気です。",
        "散歩に行きましょう！",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 20_000,
        "你" * 20_000,
        "e\u0301" * 10_000,
        "\U0001f468\u200d\U0001f469" * 5_000 + "a" * 5_000,
        "word " * 4_000,
        "word, " * 3_300,
        "{word/W ER1 D} " * 1_300,
        "." * 20_000,
        "\n" * 20_000,
        "1," * 10_000,
        "{a/" * 6_600,
        "[pause:" * 2_800,
        '"' * 20_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_twenty_thousand_characters_are_cut_in_no_time_and_into_speakable_lengths(text: str) -> None:
    began = time.process_time()
    pieces = split_text(text)
    assert time.process_time() - began < 2
    assert max(map(len, pieces), default=0) <= 200


def test_an_overlong_sentence_is_divided_where_a_reader_breathes() -> None:
    sentence = "The first part of this sentence goes on for quite a while, " * 6 + "and then it ends."
    pieces = split_text(sentence)
    assert len(pieces) >= 3
    assert all(piece.endswith(("while,", "ends.")) for piece in pieces)


def test_characters_keep_their_marks_and_markup_stays_whole() -> None:
    assert all(not piece.startswith("\u0301") for piece in split_text("e\u0301" * 1_000))
    text = "no space" + "x" * 140 + "{tomato/T AH0 M EY1 T OW0}" + "x" * 140
    assert sum(len(MARKUP.findall(piece)) for piece in split_text(text)) == 1


def test_pauses_are_silences_after_the_text_before_them() -> None:
    text = "[pause:1s]Hello there, my old friend. [pause:500ms] The world is nice.[pause:0.2]"
    assert passages(text) == [
        Passage("", 1.0),
        Passage("Hello there, my old friend.", 0.5),
        Passage("The world is nice.", 0.2),
    ]
    assert (
        passages("One sentence is here. [pause:300ms][pause:200ms] And another one is here.")[0].pause_seconds
        == 0.5
    )
    assert passages("[pause:5s]") == []
    assert passages("A very long silence[pause:999s] it would be")[0].pause_seconds == 10


def test_an_unknown_method_is_refused_by_name() -> None:
    with pytest.raises(InvalidOption, match="cut9"):
        split_text("text", "cut9")


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from(["Hello there. ", "你好。", "[pause:1s]", "a, b; ", "\n", "😀"]), max_size=12)
)
def test_pauses_never_change_what_is_said(parts: list[str]) -> None:
    said = "".join(passage.text for passage in passages("".join(parts)))
    assert _letters(said) == _letters("".join(part for part in parts if not part.startswith("[")))
