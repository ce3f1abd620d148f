"""A mono signal and its sample rate."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Waveform:
    """`samples` [N], float32, mono, nominally within ±1; `rate` in samples a second."""

    samples: Samples
    rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1:
            raise ValueError(f"a waveform is mono: shape {self.samples.shape}")
        if self.samples.dtype != np.float32:
            object.__setattr__(self, "samples", self.samples.astype(np.float32))
        if self.rate <= 0:
            raise ValueError(f"a sample rate is positive: {self.rate}")

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    @property
    def peak(self) -> float:
        """The largest magnitude; 0 for no samples at all."""
        return float(np.abs(self.samples).max()) if len(self.samples) else 0.0
