"""AAC in ADTS frames, through PyAV (the extra `codecs`: its wheels carry FFmpeg with GPL parts)."""

from typing import Any

import av
import numpy as np

from comps.cores.audio.soundfile_encoder import StreamSink
from comps.cores.audio.waveform import Samples

AAC_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
BITS_A_SECOND = 96_000


class AacEncoder:
    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.rewrites: list[tuple[int, bytes]] = []
        self._sink = StreamSink()
        self._container: Any = av.open(self._sink, "w", format="adts")
        self._stream: Any = self._container.add_stream("aac", rate=rate, layout="mono")
        self._stream.bit_rate = BITS_A_SECOND
        self._n_samples = 0

    def encode(self, samples: Samples) -> bytes:
        if len(samples):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[None, :]), format="fltp", layout="mono"
            )
            frame.sample_rate = self.rate
            frame.pts = self._n_samples
            self._n_samples += len(samples)
            self._container.mux(self._stream.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.take()
