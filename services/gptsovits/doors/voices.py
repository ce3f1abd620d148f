"""Who speaks for clients that name a voice or a path of their own, or nobody at all."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from comps.cores.audio.clips import NamedClip, named_clips, transcript_beside
from comps.cores.audio.references import AudioRoot, shown
from comps.cores.errors import FileMissing, InvalidOption

# A name may be the transcript itself, as one of the clients has it: then it has several words, or is written
# without spaces between them.
SENTENCE = re.compile(r"\w\s+\w|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}")


@dataclass(frozen=True)
class DoorVoice:
    """A clip inside the audio folder, and what it says as far as that is known."""

    path: str
    text: str | None
    language: str = "auto"

    @property
    def fields(self) -> dict[str, Any]:
        return {
            "reference_audio": self.path,
            "reference_text": self.text,
            "reference_language": self.language,
        }


class DoorVoices:
    """The clips of the audio folder by name, and the voice of those who name none."""

    def __init__(self, audio_root: AudioRoot) -> None:
        self._audio_root = audio_root
        self._default: DoorVoice | None = None

    def names(self) -> list[str]:
        return [clip.name for clip in named_clips(self._audio_root.path)]

    def default(self) -> DoorVoice:
        """The one that was set, or the first by name. Raises `InvalidOption` if the folder holds none."""
        if self._default is not None:
            return self._default
        clips = named_clips(self._audio_root.path)
        if not clips:
            raise InvalidOption("no reference clip is given, and the audio folder holds none to take instead")
        return _voice(clips[0])

    def set_default(self, voice: DoorVoice) -> None:
        self._default = voice

    def find(self, name: str, *, text: str | None = None, language: str | None = None) -> DoorVoice:
        """By a path inside the folder, or by the file's name alone, whatever folder and ending come with it.

        A transcript beside the clip is believed more than `text`. Raises `FileMissing`.
        """
        reference = name
        try:
            path = self._audio_root.locate(name)
        except (FileMissing, InvalidOption):
            clip = self._by_stem(name)
            path, reference = clip.path, clip.path.name
        if beside := transcript_beside(path):
            return DoorVoice(reference, beside)
        said = text if text and (text != path.stem or SENTENCE.search(text)) else None
        return DoorVoice(reference, said, language or "auto")

    def _by_stem(self, name: str) -> NamedClip:
        stem = PurePosixPath(name.replace("\\", "/")).name
        clips = {clip.name: clip for clip in named_clips(self._audio_root.path)}
        for candidate in (stem, stem.rpartition(".")[0]):
            if candidate in clips:
                return clips[candidate]
        raise FileMissing(
            f"{shown(name)} is not in the audio folder; there are: {', '.join(clips) or 'none'}"
        )


def _voice(clip: NamedClip) -> DoorVoice:
    return DoorVoice(clip.path.name, clip.transcript)
