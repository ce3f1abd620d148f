"""What will be said of a text, as `POST /phonemize` shows it."""

from pydantic import Field

from comps.constants import MAX_TEXT_CHARACTERS
from comps.cores.proto.base import Reply, Wire
from comps.cores.proto.speech import Language, Pronunciations


class PhonemizeRequest(Wire):
    text: str = Field(min_length=1, max_length=MAX_TEXT_CHARACTERS)
    language: Language = "auto"
    pronunciations: Pronunciations = Field(default_factory=dict)


class SpanView(Reply):
    """A stretch of text in one language; `word2ph`: how many phones each character of `norm_text` has."""

    language: str
    text: str
    norm_text: str
    phones: list[str]
    word2ph: list[int] | None = None


class PhonemizeReply(Reply):
    norm_text: str
    phones: list[str]
    phone_ids: list[int]
    spans: list[SpanView]
    warnings: list[str]
