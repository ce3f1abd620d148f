"""Subtitles from the timing of segments: a cue each, kept beside the job, as SubRip or WebVTT."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

BYTES_A_SAMPLE = 2

logger = logging.getLogger(__name__)


class SubtitleFormat(StrEnum):
    SRT = "srt"
    VTT = "vtt"

    @property
    def media_type(self) -> str:
        return "text/vtt" if self is SubtitleFormat.VTT else "application/x-subrip"


@dataclass(frozen=True)
class Cue:
    """What is said from `start` to `end`, in seconds from the beginning of the audio."""

    start: float
    end: float
    text: str


@dataclass
class _Segment:
    text: str
    first: int | None = None  # the first and the last sample that are not silence
    last: int = 0


class Timeline:
    """Listens to frames as they pass and notes when each segment is heard; pauses belong to nobody."""

    def __init__(self) -> None:
        self._segments: dict[int, _Segment] = {}
        self._n_samples = 0

    def add(self, segment: int, text: str | None, audio: bytes) -> None:
        """The next piece of audio, 16-bit mono; `text` comes with a segment's first."""
        said = self._segments.setdefault(segment, _Segment(text or ""))
        heard = np.flatnonzero(np.frombuffer(audio, "<i2"))
        if len(heard):
            said.first = self._n_samples + int(heard[0]) if said.first is None else said.first
            said.last = self._n_samples + int(heard[-1]) + 1
        self._n_samples += len(audio) // BYTES_A_SAMPLE

    def cues(self, rate: int) -> list[Cue]:
        return [
            Cue(round(said.first / rate, 3), round(said.last / rate, 3), " ".join(said.text.split()))
            for _, said in sorted(self._segments.items())
            if said.first is not None and said.text.strip()
        ]


class Subtitles:
    """The cues of finished jobs, a file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, job_id: str, cues: Sequence[Cue]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            data = json.dumps([asdict(cue) for cue in cues], ensure_ascii=False)
            self._path(job_id).write_text(data, encoding="utf-8")
        except OSError as error:  # the audio is what matters
            logger.warning("subtitles cannot be kept: %s", error.strerror)

    def load(self, job_id: str) -> list[Cue] | None:
        try:
            return [Cue(**cue) for cue in json.loads(self._path(job_id).read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            return None

    def forget(self, job_id: str) -> None:
        self._path(job_id).unlink(missing_ok=True)

    def _path(self, job_id: str) -> Path:
        return self.folder / f"{job_id}.json"


def written(cues: Sequence[Cue], subtitle_format: SubtitleFormat) -> str:
    """The file. SubRip as players read it; WebVTT by the W3C's recommendation, with its three escapes."""
    is_vtt = subtitle_format is SubtitleFormat.VTT
    blocks = ["WEBVTT"] if is_vtt else []
    for number, cue in enumerate(cues, start=1):
        start, end = (_clock(seconds, "." if is_vtt else ",") for seconds in (cue.start, cue.end))
        text = cue.text
        if is_vtt:
            text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{number}\n{start} --> {end}\n{text}")
    return "\n\n".join(blocks) + "\n"


def _clock(seconds: float, point: str) -> str:
    minutes, milliseconds = divmod(round(seconds * 1_000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1_000:02}{point}{milliseconds % 1_000:03}"
