"""The clips that lie in the audio folder: each is a voice by the name of its file."""

from dataclasses import dataclass
from pathlib import Path

CLIP_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus"})
MAX_TRANSCRIPT_CHARACTERS = 2_000


@dataclass(frozen=True)
class NamedClip:
    name: str
    path: Path

    @property
    def transcript(self) -> str | None:
        return transcript_beside(self.path)


def named_clips(folder: Path) -> list[NamedClip]:
    """By name; of two files that differ in their ending alone, the first."""
    if not folder.is_dir():
        return []
    found: dict[str, NamedClip] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in CLIP_SUFFIXES and path.is_file():
            found.setdefault(path.stem, NamedClip(path.stem, path))
    return [found[name] for name in sorted(found, key=str.casefold)]


def transcript_beside(clip: Path) -> str | None:
    """What `clip.txt` beside `clip.wav` says that the clip says."""
    try:
        text = clip.with_suffix(".txt").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return text.strip()[:MAX_TRANSCRIPT_CHARACTERS] or None
