"""The English front end: normaliser, part-of-speech tagger, heteronyms and word reader in one."""

import re
from collections.abc import Sequence

from comps.gptsovits.text.en.heteronyms import pronounce_heteronym
from comps.gptsovits.text.en.lexicon import LETTERS, Lexicon
from comps.gptsovits.text.en.normalizer import normalize
from comps.gptsovits.text.en.tagger import PosTagger
from comps.gptsovits.text.en.words import WordReader, with_s
from comps.gptsovits.text.language import Inventory

_TOKEN = re.compile(r"'?[A-Za-z]+(?:['-][A-Za-z]+)*|[,.?!]")
_LETTERS_PLURAL = re.compile(r"[A-Z]'s")
_VOWELS = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())
_ARPABET = frozenset("B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()) | {
    vowel + stress for vowel in _VOWELS for stress in "012"
}


class EnglishFrontEnd:
    code = "en"

    def __init__(self) -> None:
        self._lexicon = Lexicon("dictionary.txt.gz")
        self._words = WordReader(self._lexicon)
        self._tagger = PosTagger()

    def normalize(self, text: str) -> str:
        return normalize(text, self._lexicon)

    def phonemize(self, norm: str, *, inventory: Inventory) -> tuple[list[str], None]:
        """ARPAbet phones and the marks `, . ? !` (both inventories have them all); no `word2ph`."""
        tokens = _TOKEN.findall(norm)
        tags = self._tagger.tag(tokens)
        phones: list[str] = []
        for index in range(len(tokens)):
            phones += self._token(tokens, tags, index)
        return phones, None

    def _token(self, tokens: Sequence[str], tags: Sequence[str], index: int) -> Sequence[str]:
        token = tokens[index]
        if not token[-1].isalpha():
            return (token,)
        if len(token) == 1:
            return ("AH0",) if _is_article(tokens, tags, index) else LETTERS[token.lower()]
        if _LETTERS_PLURAL.fullmatch(token):
            return with_s(list(LETTERS[token[0].lower()]))
        return pronounce_heteronym(tokens, tags, index) or self._words.phones(token)

    def spell(self, pronunciation: str, *, inventory: Inventory) -> list[list[str]] | None:
        """ARPAbet ("T AH0 M EY1 T OW0"; a vowel without a number is unstressed) as one group, else None."""
        phones = pronunciation.split()
        stressed = [p + "0" if p in _VOWELS else p for p in phones]
        if phones and all(phone in _ARPABET for phone in stressed):
            return [stressed]
        return None


def _is_article(tokens: Sequence[str], tags: Sequence[str], index: int) -> bool:
    """Whether a lone "a" is the article, not the letter: "A cat", but "vitamin A", "A is for apple"."""
    if tokens[index] == "a":
        return True
    if tokens[index] != "A" or index + 1 == len(tokens):
        return False
    starts_sentence = index == 0 or tokens[index - 1] in {".", "?", "!"}
    following = tokens[index + 1]
    return (
        starts_sentence and following.islower() and not tags[index + 1].startswith(("VB", "MD", "IN", "CC"))
    )
