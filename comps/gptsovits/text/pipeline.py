"""Text → phones of the model, span by span: the door to this package."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from comps.cores.errors import UnspeakableText, UnsupportedLanguage
from comps.gptsovits.text.language import FrontEnd, Inventory, ReadsNumbers, SpellsPronunciations
from comps.gptsovits.text.markup import Override, read_markup
from comps.gptsovits.text.registry import front_end
from comps.gptsovits.text.segmentation import language_spans, script_of
from comps.gptsovits.text.symbols import symbol_table
from comps.gptsovits.text.written import spell_out

V1_LANGUAGES = ("zh", "en", "ja")
# The official models were trained with a comma before very short English.
_LEAST_ENGLISH_PHONES = 4
_READABLE: Mapping[str, frozenset[str]] = {
    "en": frozenset({"latin"}),
    "zh": frozenset({"han", "latin"}),
    "yue": frozenset({"han", "latin"}),
    "ja": frozenset({"kana", "han", "latin"}),
    "ko": frozenset({"hangul", "latin"}),
}
_MOST_NAMED = 10


@dataclass(frozen=True)
class Span:
    """A stretch of text in one language."""

    language: str
    text: str
    norm_text: str
    phones: tuple[str, ...]
    word2ph: tuple[int, ...] | None
    """For Chinese and Cantonese, how many phones each character of `norm_text` has; else None."""


@dataclass(frozen=True)
class Phonemized:
    """What will be said: `phone_ids` `[P]` go to the model; `spans` tell BERT what to read where."""

    spans: tuple[Span, ...]
    phones: tuple[str, ...]
    phone_ids: tuple[int, ...]
    norm_text: str
    word2ph: tuple[int, ...] | None
    """Present when every span has one."""
    warnings: tuple[str, ...]


def phonemize(
    text: str,
    language: str = "auto",
    *,
    inventory: Inventory = "v2",
    pronunciations: Mapping[str, str] | None = None,
) -> Phonemized:
    """The phones of a text in a language or a mixture (`auto`, `auto_yue`, `zh`, `all_zh`, …).

    `pronunciations` maps words to phones or respellings; `{word/pronunciation}` in the text wins over it.
    What cannot be spoken is left out and named in `warnings`. Raises UnspeakableText when nothing can be
    said, UnsupportedLanguage, MissingLanguageExtra.
    """
    marked = read_markup(_without_surrogates(text), pronunciations)
    spans: list[Span] = []
    begin = 0
    for code, piece in language_spans(marked.plain, language):
        if inventory == "v1" and code not in V1_LANGUAGES:
            raise UnsupportedLanguage(code, supported=V1_LANGUAGES)
        end = begin + len(piece)
        inside = [override for override in marked.overrides if begin <= override.start < end]
        spans += _Speaker(code, inventory).spans(piece, inside, begin)
        begin = end
    if not any(_is_sound(phone) for span in spans for phone in span.phones):
        raise UnspeakableText("the text holds nothing that can be spoken")
    return _join([span for span in spans if span.phones], inventory, warnings=_warnings(spans))


class _Speaker:
    """Reads spans of one language, words of given pronunciation included."""

    def __init__(self, code: str, inventory: Inventory) -> None:
        self._code = code
        self._inventory = inventory
        self._reader: FrontEnd = front_end(code)

    def spans(self, text: str, overrides: Sequence[Override], offset: int) -> list[Span]:
        """One span, or several where a given pronunciation is not of this language or covers other characters
        than it has syllables: BERT could not be aligned with it."""
        spans: list[Span] = []
        reading: list[Span] = []
        waiting = ""
        position = 0
        for override in overrides:
            start, end = max(position, override.start - offset), min(override.end - offset, len(text))
            waiting += text[position:start]
            word, position = text[start:end], end
            said = self._spelled(word, override.pronunciation)
            if said is None:
                waiting += override.pronunciation
                continue
            reading += self._read(waiting)
            waiting = ""
            if said.language == self._code and (said.word2ph is None) == (self._code not in ("zh", "yue")):
                reading.append(said)
            else:
                spans += [*self._whole(reading), said]
                reading = []
        reading += self._read(waiting + text[position:])
        return [*spans, *self._whole(reading)]

    def _read(self, text: str) -> list[Span]:
        if not text:
            return []
        written = spell_out(text, self._code)
        if isinstance(self._reader, ReadsNumbers):
            written = self._reader.read_numbers(written)
        norm = self._reader.normalize(written)
        phones, word2ph = self._reader.phonemize(norm, inventory=self._inventory)
        known = symbol_table(self._inventory).known(phones)
        return [Span(self._code, text, norm, tuple(known), None if word2ph is None else tuple(word2ph))]

    def _spelled(self, word: str, pronunciation: str) -> Span | None:
        """The word as told, in this language's notation or in ARPAbet; None for a respelling."""
        english = front_end("en")
        for reader in (self._reader, english):
            if not isinstance(reader, SpellsPronunciations):
                continue
            groups = reader.spell(pronunciation, inventory=self._inventory)
            if groups is not None:
                phones = symbol_table(self._inventory).known(phone for group in groups for phone in group)
                chinese = reader.code in ("zh", "yue") and len(groups) == len(word)
                chinese = chinese and all(script_of(character) == "han" for character in word)
                counts = tuple(map(len, groups)) if chinese else None
                return Span(reader.code, word, word, tuple(phones), counts)
        return None

    def _whole(self, parts: Sequence[Span]) -> list[Span]:
        if not parts:
            return []
        phones = tuple(phone for part in parts for phone in part.phones)
        if self._code == "en" and 0 < len(phones) < _LEAST_ENGLISH_PHONES:
            phones = (",", *phones)
        counts = [part.word2ph for part in parts]
        joint = " " if self._code == "en" else ""
        norm = joint.join(part.norm_text for part in parts)
        norm = re.sub(r" (?=[,.?!])", "", norm) if self._code == "en" else norm
        whole = None if None in counts else tuple(n for count in counts for n in count or ())
        return [Span(self._code, "".join(part.text for part in parts), norm, phones, whole)]


def _join(spans: Sequence[Span], inventory: Inventory, *, warnings: tuple[str, ...]) -> Phonemized:
    phones = tuple(phone for span in spans for phone in span.phones)
    counts = [span.word2ph for span in spans]
    return Phonemized(
        spans=tuple(spans),
        phones=phones,
        phone_ids=tuple(symbol_table(inventory).ids(phones)),
        norm_text="".join(span.norm_text for span in spans),
        word2ph=None if None in counts else tuple(n for count in counts for n in count or ()),
        warnings=warnings,
    )


def _is_sound(phone: str) -> bool:
    """Whether a phone is more than a pause or an unknown symbol."""
    return phone not in ("UNK", "SP", "SP2", "SP3", "_", "空", "停") and any(map(str.isalnum, phone))


def _without_surrogates(text: str) -> str:
    """Pairs of surrogates joined, lone ones replaced: neither can be written as UTF-8."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _warnings(spans: Iterable[Span]) -> tuple[str, ...]:
    skipped: dict[str, None] = {}
    for span in spans:
        readable = _READABLE[span.language]
        for character in set(span.text):
            if not character.isascii() and not _is_read(character, readable):
                skipped[character] = None
    if not skipped:
        return ()
    named = sorted(skipped)[:_MOST_NAMED]
    more = f" and {len(skipped) - len(named)} more" if len(skipped) > len(named) else ""
    return (f"left out, as they cannot be spoken: {' '.join(named)}{more}",)


def _is_read(character: str, readable: frozenset[str]) -> bool:
    category = unicodedata.category(character)
    if category[0] == "L":
        # A compatibility form counts as what it stands for, a Greek letter by its English name.
        plain = unicodedata.normalize("NFKD", character)[0]
        return script_of(plain) in readable or plain.isascii() or "\u0370" <= character <= "\u03ff"
    if category == "So":  # ℃ and the like have plain forms, emoji have none
        return character == "°" or unicodedata.normalize("NFKC", character) != character
    return category not in ("Co", "Cn")
