"""FLAC, MP3 and Ogg Opus through libsndfile, writing into a sink that hands out bytes as they appear."""

import io
import logging
from typing import Any

import numpy as np
import soundfile

from comps.cores.audio.waveform import Samples

logger = logging.getLogger(__name__)

# libsndfile gathers a second of audio per Ogg page unless told otherwise, which is a second of latency.
SFC_SET_OGG_PAGE_LATENCY_MS = 0x1302
OGG_PAGE_MS = 50.0
MP3_LEVEL = 0.5  # 80 kbit/s at 24 kHz, 128 at 32 kHz and above
# One very long Ogg write overflows the stack inside libsndfile (its issue 1023); blocks cannot.
MAX_BLOCK = 65_536


class SoundFileEncoder:
    def __init__(self, rate: int, container: str, codec: str) -> None:
        self.rate = rate
        self.rewrites: list[tuple[int, bytes]] = []
        self._sink = StreamSink()
        options = {"bitrate_mode": "CONSTANT", "compression_level": MP3_LEVEL} if container == "MP3" else {}
        self._file = soundfile.SoundFile(self._sink, "w", rate, 1, format=container, subtype=codec, **options)
        if container == "OGG":
            _set_page_latency(self._file, OGG_PAGE_MS)

    def encode(self, samples: Samples) -> bytes:
        samples = np.clip(samples, -1.0, 1.0)
        for start in range(0, len(samples), MAX_BLOCK):
            self._file.write(samples[start : start + MAX_BLOCK])
        return self._sink.take()

    def finish(self) -> bytes:
        self._file.close()
        self.rewrites = self._sink.rewrites
        return self._sink.take()


class Mp3Encoder:
    """MP3 of constant bit rate, without the frame in front that tells the length.

    LAME writes that frame blank and fills it in at the end. A stream keeps it blank, and readers that believe
    it stop early; at a constant rate they can do without.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.rewrites: list[tuple[int, bytes]] = []
        self._inner = SoundFileEncoder(rate, "MP3", "MPEG_LAYER_III")
        self._head: bytearray | None = bytearray()

    def encode(self, samples: Samples) -> bytes:
        return self._after_first_frame(self._inner.encode(samples))

    def finish(self) -> bytes:
        return self._after_first_frame(self._inner.finish())

    def _after_first_frame(self, data: bytes) -> bytes:
        if self._head is None:
            return data
        self._head += data
        size = mp3_frame_bytes(self._head, self.rate)
        if size is None or len(self._head) < size:
            return b""
        rest = bytes(self._head[size:])
        self._head = None
        return rest


# Kilobits a second by the index in a layer III frame's header (ISO 11172-3, and 13818-3 for MPEG 2).
MPEG1_KILOBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MPEG2_KILOBITS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def mp3_frame_bytes(data: bytes | bytearray, rate: int) -> int | None:
    """The length of the frame that `data` starts with; None if its header is not whole yet."""
    if len(data) < 4:
        return None
    is_mpeg1 = data[1] & 0x08
    kilobits = (MPEG1_KILOBITS if is_mpeg1 else MPEG2_KILOBITS)[data[2] >> 4]
    padding = (data[2] >> 1) & 1
    return (144 if is_mpeg1 else 72) * kilobits * 1000 // rate + padding


def _set_page_latency(file: Any, milliseconds: float) -> None:
    """Ask libsndfile for short Ogg pages. The Python package has no public name for the command; without it
    the stream is still right, only later."""
    try:
        value = soundfile._ffi.new("double*", milliseconds)
        refused = soundfile._snd.sf_command(file._file, SFC_SET_OGG_PAGE_LATENCY_MS, value, 8)
    except AttributeError:
        refused = 1
    if refused:
        logger.warning("libsndfile does not set the Ogg page latency: Opus will stream about a second late")


class StreamSink(io.RawIOBase):
    """A file that forgets what has been taken from it.

    Writes behind the taken part (a header corrected at close) are kept in `rewrites` instead.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rewrites: list[tuple[int, bytes]] = []
        self._taken = 0  # bytes handed out so far
        self._held = bytearray()
        self._position = 0

    def take(self) -> bytes:
        data = bytes(self._held)
        self._held.clear()
        self._taken += len(data)
        return data

    def write(self, data: Any, /) -> int:
        data = bytes(data)
        start = self._position
        self._position += len(data)
        behind = max(0, min(len(data), self._taken - start))
        if behind:
            self.rewrites.append((start, data[:behind]))
        if rest := data[behind:]:
            offset = start + behind - self._taken
            self._held.extend(b"\0" * (offset - len(self._held)))
            self._held[offset : offset + len(rest)] = rest
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._taken + len(self._held)}
        self._position = origin[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True
