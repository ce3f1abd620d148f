"""Text to segments: what is spoken in one breath, as phonemes. No torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from comps.cores.errors import TextTooLong, UnspeakableText, UnsupportedLanguage
from comps.gptsovits.text.cutting import passages
from comps.gptsovits.text.language import Inventory
from comps.gptsovits.text.markup import read_markup
from comps.gptsovits.text.pipeline import Phonemized, Span, phonemize
from comps.gptsovits.text.symbols import symbol_table

STOP = "."
PAUSES = frozenset({".", "!", "?", "…", ",", "-"})
# The model was trained on sentences: fewer phonemes than this come out garbled or not at all, unless a pause
# stands before them.
MIN_PHONEMES = 6
# About 50 s of speech; the model's own limit is a minute.
MAX_PHONEMES = 480


@dataclass(frozen=True)
class Segment:
    """`phonemes [P]` are ids; `spans` tell which of them BERT has something to say about.

    The first `n_lead` and all after the spans' phonemes were put there by us. `pause_seconds` of silence
    follow; None where the request's default applies.
    """

    text: str
    phonemes: tuple[int, ...]
    spans: tuple[Span, ...]
    n_lead: int = 0
    pause_seconds: float | None = None


@dataclass(frozen=True)
class Script:
    """A whole text: its segments in order, silence before them, and what was left out of it."""

    segments: tuple[Segment, ...]
    lead_seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    def pauses(self, default_seconds: float) -> list[float]:
        """Seconds of silence after each segment; after the last only what the text asks for."""
        asked = [segment.pause_seconds for segment in self.segments]
        pauses = [default_seconds if seconds is None else seconds for seconds in asked]
        pauses[-1] = asked[-1] or 0.0
        return pauses


def script_of(
    text: str,
    *,
    language: str = "auto",
    split: str = "punctuation",
    inventory: Inventory = "v2",
    supported: tuple[str, ...],
    max_characters: int,
    pronunciations: Mapping[str, str] | None = None,
) -> Script:
    """A text as it will be spoken; pieces that hold nothing speakable are left out.

    Raises `UnspeakableText`, `TextTooLong`, `UnsupportedLanguage`, `MissingLanguageExtra` or `InvalidOption`.
    """
    if len(text) > max_characters:
        raise TextTooLong(f"the text has {len(text):,} characters; at most {max_characters:,} are spoken")
    segments: list[Segment] = []
    warnings: dict[str, None] = {}  # in order, each once
    lead = 0.0

    def read(piece: str) -> Phonemized:
        return phonemize(piece, language, inventory=inventory, pronunciations=pronunciations)

    for passage in passages(text, split, language):
        spoken = _spoken(passage.text, read, inventory, supported, warnings) if passage.text else []
        if spoken and passage.pause_seconds is not None:
            spoken[-1] = replace(spoken[-1], pause_seconds=passage.pause_seconds)
        if not spoken and not segments:
            lead += passage.pause_seconds or 0.0
        segments += spoken
    if not segments:
        raise UnspeakableText("the text holds nothing that can be spoken")
    return Script(tuple(segments), lead, tuple(warnings))


def _spoken(
    piece: str,
    read: Callable[[str], Phonemized],
    inventory: Inventory,
    supported: tuple[str, ...],
    warnings: dict[str, None],
) -> list[Segment]:
    try:
        phonemized = checked(read(piece), supported)
    except UnspeakableText:
        return []
    warnings.update(dict.fromkeys(phonemized.warnings))
    if len(phonemized.phones) <= MAX_PHONEMES:
        return [segment_of(read_markup(piece).plain, phonemized, inventory)]  # subtitles show no markup
    halves = halved(piece)
    if halves is None:
        raise TextTooLong(f"a piece of {len(piece):,} characters cannot be divided any further")
    return [segment for half in halves for segment in _spoken(half, read, inventory, supported, warnings)]


def halved(piece: str) -> tuple[str, str] | None:
    """A piece cut in two at the punctuation or space nearest to its middle, else in the middle."""
    if len(piece) < 2:
        return None
    middle = len(piece) // 2
    for marks in (".!?。！？…", ",;:，；：、", " "):
        places = [i + 1 for i, character in enumerate(piece[:-1]) if character in marks]
        near = [i for i in places if len(piece) // 4 <= i <= len(piece) - len(piece) // 4]
        if near:
            at = min(near, key=lambda i: abs(i - middle))
            return piece[:at], piece[at:]
    return piece[:middle], piece[middle:]


def segment_of(text: str, phonemized: Phonemized, inventory: Inventory) -> Segment:
    """The segment with a pause at its end, and one before it if it is very short."""
    table = symbol_table(inventory)
    ids = list(phonemized.phone_ids)
    (stop,) = table.ids([STOP])
    pauses = set(table.ids(sorted(PAUSES & set(table.symbols))))
    n_lead = 0
    if len(ids) < MIN_PHONEMES and ids[0] not in pauses:
        ids.insert(0, stop)
        n_lead = 1
    if ids[-1] not in pauses:
        ids.append(stop)
    return Segment(text, tuple(ids), phonemized.spans, n_lead)


def checked(phonemized: Phonemized, supported: tuple[str, ...]) -> Phonemized:
    """The same. Raises `UnsupportedLanguage` where something is said in none of `supported`."""
    for span in phonemized.spans:
        if span.phones and span.language not in supported:
            raise UnsupportedLanguage(span.language, supported=supported)
    return phonemized
