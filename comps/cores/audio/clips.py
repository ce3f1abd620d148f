"""The clips that lie in the audio folder: each is a voice by the name of its file."""

from dataclasses import dataclass
from pathlib import Path

from comps.cores.audio.references import is_inside, read_regular
from comps.cores.errors import InputError

CLIP_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus"})
MAX_TRANSCRIPT_BYTES = 65_536
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
        if path.suffix.lower() in CLIP_SUFFIXES and path.is_file() and is_inside(folder, path):
            found.setdefault(path.stem, NamedClip(path.stem, path))
    return [found[name] for name in sorted(found, key=str.casefold)]


def transcript_beside(clip: Path) -> str | None:
    """What `clip.txt` beside `clip.wav` says that the clip says; a link out of their folder says nothing."""
    try:
        path = clip.with_suffix(".txt").resolve(strict=True)
        if not is_inside(clip.parent, path):
            return None
        text = read_regular(path, MAX_TRANSCRIPT_BYTES).decode("utf-8")
    except (InputError, OSError, RuntimeError, UnicodeDecodeError):
        return None
    return text.strip()[:MAX_TRANSCRIPT_CHARACTERS] or None
