"""The reference's two entry points: `clean_text` for one language, `segment_and_extract` for a mixture."""

import re
from dataclasses import dataclass

from comps.gptsovits.text.language import Inventory
from comps.gptsovits.text.pipeline import V1_LANGUAGES
from comps.gptsovits.text.reference.chinese import normalize_with_faults
from comps.gptsovits.text.reference.english import normalize, reference_english
from comps.gptsovits.text.reference.korean import reference_korean
from comps.gptsovits.text.reference.segmentation import spans_like_reference
from comps.gptsovits.text.registry import LANGUAGES, front_end
from comps.gptsovits.text.symbols import symbol_table

LEVELS = ("clean_text", "segment_and_extract")

# Signs of the training texts that stand for a pause: replaced by a comma, and the comma's phone by these.
_PAUSE_SIGNS = (("￥", "SP2"), ("^", "SP3"))
_LEAST_ENGLISH_PHONES = 4
_LEAST_PHONES = 6


@dataclass(frozen=True)
class Reading:
    norm_text: str
    phones: list[str]
    word2ph: list[int] | None


def clean_text(text: str, language: str, inventory: Inventory) -> Reading:
    """One language's reading of a text, without looking for others in it."""
    if language not in (V1_LANGUAGES if inventory == "v1" else LANGUAGES):
        language, text = "en", " "  # marks alone are a language of their own to its segmenter
    if language == "en":
        norm = normalize(text)
        phones = reference_english().phones(norm)
        if len(phones) < _LEAST_ENGLISH_PHONES:
            phones = [",", *phones]
        return Reading(norm, symbol_table(inventory).known(phones), None)
    sign, pause = next(((s, p) for s, p in _PAUSE_SIGNS if language == "zh" and s in text), ("", ""))
    reader = reference_korean() if language == "ko" else front_end(language)
    text = text.replace(sign, ",") if sign else text
    chinese = language in ("zh", "yue")
    norm = normalize_with_faults(text, reader.normalize) if chinese else reader.normalize(text)
    phones, word2ph = reader.phonemize(norm, inventory=inventory)
    if sign:
        phones = [pause if phone == "," else phone for phone in phones]
    return Reading(norm, symbol_table(inventory).known(phones), word2ph)


def segment_and_extract(text: str, hint: str, inventory: Inventory) -> Reading:
    """A mixed text's reading, span by span; with fewer than six phones it is read again after a full stop."""
    text = re.sub(" {2,}", " ", text)
    reading = _read_spans(text, hint, inventory)
    return reading if len(reading.phones) >= _LEAST_PHONES else _read_spans("." + text, hint, inventory)


def _read_spans(text: str, hint: str, inventory: Inventory) -> Reading:
    readings = [clean_text(piece, code, inventory) for code, piece in spans_like_reference(text, hint)]
    counts = [reading.word2ph for reading in readings]
    return Reading(
        "".join(reading.norm_text for reading in readings),
        [phone for reading in readings for phone in reading.phones],
        None if None in counts else [n for count in counts for n in count or ()],
    )
