"""Marks taken out and put back."""

from hypothesis import given
from hypothesis import strategies as st

from comps.gptsovits.text.punctuation import CLAUSE_MARKS, CLOSING, SENTENCE_MARKS, preserve, restore

MARKED = st.text(alphabet=st.sampled_from("ab 你\n" + SENTENCE_MARKS + CLAUSE_MARKS + CLOSING), max_size=80)


@given(st.one_of(st.text(), MARKED))
def test_preserve_then_restore_is_the_identity(text: str) -> None:
    assert restore(preserve(text)) == text


@given(st.one_of(st.text(), MARKED))
def test_chunks_hold_no_marks(text: str) -> None:
    preserved = preserve(text)
    assert len(preserved.chunks) == len(preserved.marks) + 1
    assert not set("".join(preserved.chunks)) & set(SENTENCE_MARKS + CLAUSE_MARKS)
