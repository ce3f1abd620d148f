"""Names of audio formats on the wire, with the synonyms that clients of other servers use."""

from comps.cores.audio.formats import MEDIA_TYPES, AudioFormat

SYNONYMS = {"raw": AudioFormat.PCM, "mpeg": AudioFormat.MP3, "wave": AudioFormat.WAV}

__all__ = ["MEDIA_TYPES", "SYNONYMS", "AudioFormat", "format_named"]


def format_named(name: object) -> object:
    """The format that `name` means; a value that means none is returned for the schema to refuse."""
    if not isinstance(name, str):
        return name
    lowered = name.strip().lower()
    return SYNONYMS.get(lowered, lowered)
