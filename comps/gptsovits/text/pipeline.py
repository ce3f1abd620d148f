"""Text → phones of the model, span by span: the door to this package."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from comps.cores.errors import UnspeakableText
from comps.gptsovits.text.language import Inventory
from comps.gptsovits.text.registry import front_end
from comps.gptsovits.text.segmentation import language_spans
from comps.gptsovits.text.symbols import symbol_table


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

    Raises UnspeakableText when nothing can be said, UnsupportedLanguage, MissingLanguageExtra.
    """
    spans = [_speak(code, piece, inventory) for code, piece in language_spans(text, language)]
    if not any(span.phones for span in spans):
        raise UnspeakableText("the text holds nothing that can be spoken")
    return _join(spans, inventory, warnings=())


def _speak(code: str, text: str, inventory: Inventory) -> Span:
    reader = front_end(code)
    norm = reader.normalize(text)
    phones, word2ph = reader.phonemize(norm, inventory=inventory)
    known = symbol_table(inventory).known(phones)
    return Span(code, text, norm, tuple(known), None if word2ph is None else tuple(word2ph))


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
