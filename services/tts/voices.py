"""Named voices: clips uploaded once, and the clips that lie in the audio folder anyway."""

import json
import re
import shutil
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from comps.cores.audio.clips import CLIP_SUFFIXES, transcript_beside
from comps.cores.audio.decoding import ClipLimits, decode
from comps.cores.audio.references import is_inside
from comps.cores.errors import InvalidAudio, InvalidOption, VoiceExists, VoiceUnknown
from comps.cores.proto.voices import VoiceView

WELL_FORMED_NAME = re.compile(r"\w[\w .-]{0,63}")
FOLDER = "voices"
FACTS_FILE = "voice.json"
DEFAULT = "default"
MAGIC = {b"RIFF": "audio/wav", b"fLaC": "audio/flac", b"OggS": "audio/ogg"}


@dataclass(frozen=True)
class NamedVoice:
    """`clips`: the reference itself first, then more of the same speaker."""

    name: str
    clips: tuple[Path, ...]
    text: str | None
    language: str
    seconds: float
    created: datetime | None = None
    builtin: bool = False
    pronunciations: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None  # trained to sound like this voice

    @property
    def view(self) -> VoiceView:
        return VoiceView(
            name=self.name,
            seconds=round(self.seconds, 3),
            text=self.text,
            language=self.language,
            builtin=self.builtin,
            created=self.created,
            pronunciations=dict(self.pronunciations),
            model=self.model,
            n_clips=len(self.clips),
        )


class Voices:
    def __init__(self, audio_path: Path, limits: ClipLimits, *, default: str | None = None) -> None:
        self._audio_path = audio_path
        self._folder = audio_path / FOLDER
        self._limits = limits
        self._default = default
        self._seconds: dict[tuple[Path, float], float | None] = {}  # by path and time of change

    def all(self) -> list[NamedVoice]:
        """Every voice by name; an uploaded one hides a clip of the same name."""
        found = {voice.name: voice for voice in (*self._builtin(), *self._uploaded())}
        return [found[name] for name in sorted(found, key=str.casefold)]

    def get(self, name: str) -> NamedVoice:
        """Raises `VoiceUnknown`."""
        if name == DEFAULT:
            return self.default()
        for voice in self.all():
            if voice.name == unicodedata.normalize("NFC", name):
                return voice
        known = ", ".join(voice.name for voice in self.all()) or "none"
        raise VoiceUnknown(f"there is no voice {name[:80]!r}; there are: {known}")

    def default(self) -> NamedVoice:
        """The configured voice, or the first by name. Raises `VoiceUnknown` if there is none at all."""
        if self._default:
            return self.get(self._default)
        voices = self.all()
        if not voices:
            raise VoiceUnknown("no voice is given, and the audio folder holds no clip to take for one")
        return voices[0]

    def add(
        self,
        name: str,
        clips: list[bytes],
        *,
        text: str | None,
        language: str,
        pronunciations: Mapping[str, str] | None = None,
        model: str | None = None,
    ) -> NamedVoice:
        """Keep a new voice. Raises `VoiceExists`, `InvalidOption` or `InvalidAudio`."""
        name = unicodedata.normalize("NFC", name.strip())
        if not WELL_FORMED_NAME.fullmatch(name) or name == DEFAULT:
            raise InvalidOption("a voice's name is 1 to 64 letters, digits, spaces, dots or dashes")
        if not clips:
            raise InvalidOption("a voice needs a clip: send it as 'audio'")
        seconds = [decode(data, self._limits).seconds for data in clips]
        folder = self._folder / name
        if folder.exists():
            raise VoiceExists(f"there is a voice {name!r} already: delete it first")
        facts = {
            "text": text,
            "language": language,
            "pronunciations": dict(pronunciations or {}),
            "model": model,
            "seconds": seconds[0],
            "n_clips": len(clips),
            "created": datetime.now(UTC).isoformat(),
        }
        # Built beside its place and moved there, so that nobody ever sees half a voice.
        part = self._folder / f".{uuid4().hex}"
        part.mkdir(parents=True)
        try:
            for index, data in enumerate(clips):
                (part / f"clip-{index}").write_bytes(data)
            (part / FACTS_FILE).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
            part.rename(folder)
        except OSError:
            shutil.rmtree(part, ignore_errors=True)
            raise
        return self.get(name)

    def delete(self, name: str) -> list[bytes]:
        """The clips it had. Raises `VoiceUnknown`, or `InvalidOption` for what was not uploaded."""
        voice = self.get(name)
        if voice.builtin:
            raise InvalidOption(
                f"{voice.name!r} is a clip in the audio folder: remove the file to remove the voice"
            )
        clips = [path.read_bytes() for path in voice.clips]
        shutil.rmtree(self._folder / voice.name)
        return clips

    def media_type(self, clip: Path) -> str:
        """What a clip is, told from its bytes: uploads have no trustworthy name."""
        with clip.open("rb") as file:
            head = file.read(4)
        return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "audio/mpeg")

    def _uploaded(self) -> list[NamedVoice]:
        if not self._folder.is_dir():
            return []
        folders = (path for path in self._folder.iterdir() if not path.name.startswith("."))
        found = (_read(path) for path in folders if is_inside(self._folder, path))
        return [voice for voice in found if voice is not None]

    def _builtin(self) -> list[NamedVoice]:
        if not self._audio_path.is_dir():
            return []
        voices = []
        for path in sorted(self._audio_path.iterdir()):
            if path.suffix.lower() in CLIP_SUFFIXES and path.is_file() and is_inside(self._audio_path, path):
                seconds = self._length(path)
                if seconds is not None:
                    voices.append(
                        NamedVoice(path.stem, (path,), transcript_beside(path), "auto", seconds, builtin=True)
                    )
        return voices

    def _length(self, path: Path) -> float | None:
        key = (path, path.stat().st_mtime)
        if key not in self._seconds:
            try:
                self._seconds[key] = decode(path.read_bytes(), self._limits).seconds
            except InvalidAudio:
                self._seconds[key] = None
        return self._seconds[key]


def _read(folder: Path) -> NamedVoice | None:
    try:
        facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        return NamedVoice(
            folder.name,
            tuple(folder / f"clip-{index}" for index in range(int(facts["n_clips"]))),
            facts["text"],
            facts["language"],
            float(facts["seconds"]),
            datetime.fromisoformat(facts["created"]),
            pronunciations=facts.get("pronunciations", {}),
            model=facts.get("model"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
