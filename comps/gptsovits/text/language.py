"""What every language package offers: the protocol `FrontEnd`.

A package `comps.gptsovits.text.<code>` has three names at its top, and importing it costs nothing:

    REQUIRES: tuple[str, ...]       the importable modules it stands on; all there = the language is installed
    EXTRA: str                      the extra of the distribution that installs them
    def front_end() -> FrontEnd     heavy imports and dictionaries happen in here; called once a process
"""

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

Inventory = Literal["v1", "v2"]


class FrontEnd(Protocol):
    """One language's reading of text. Safe to call from several threads at once: an implementation whose
    library is not guards itself."""

    code: str

    def normalize(self, text: str) -> str:
        """The text as it will be spoken: numbers, units, symbols written out, punctuation in the model's set.

        Total: any `str` (control characters, lone surrogates, 20,000 characters) gives a `str`, in linear
        time; what cannot be spoken is left out.
        """

    def phonemize(self, norm: str, *, inventory: Inventory) -> tuple[list[str], list[int] | None]:
        """Phones of a normalised text, and for Chinese and Cantonese how many of them each character has.

        Where `word2ph` is given, `len(word2ph) == len(norm)` and `sum(word2ph) == len(phones)`. A phone
        outside the inventory may be returned: the pipeline makes it `UNK`. Nothing speakable: no phones.
        """


@runtime_checkable
class SpellsPronunciations(Protocol):
    """A front end that also reads pronunciations as users write them: ARPAbet, pinyin, jyutping, kana, …"""

    def spell(self, pronunciation: str, *, inventory: Inventory) -> Sequence[Sequence[str]] | None:
        """The phones of a pronunciation, one group a syllable (Chinese, Cantonese) or one group in all; None
        when it is not in this language's notation (then it is a respelling: other words to read instead)."""


@runtime_checkable
class ReadsNumbers(Protocol):
    """A front end that reads more numbers right than the official models' phonemes did (Japanese: 1,234,
    Korean: 5000): for what is spoken, not for comparison with the reference implementation."""

    def read_numbers(self, text: str) -> str:
        """The text with its numbers as they are spoken; called before `normalize`. Total, in linear time."""
