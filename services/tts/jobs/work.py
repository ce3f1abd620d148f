"""What a job does when its turn comes, whatever kind it is."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from comps.cores.audio.encoding import Encoder
from comps.cores.audio.formats import AudioFormat
from comps.cores.proto.frames import FrameWithAudio


@dataclass(frozen=True)
class Started:
    """What is known once the inference service has begun to speak."""

    speaker_id: str
    cache: str  # "hit" or "miss"
    sample_rate: int
    seed: int
    segments_total: int
    warnings: tuple[str, ...]


class Work(Protocol):
    """A checked request. `kept` and `clips` are all that it takes to make the same work again, in another
    process: JSON, and the recordings that came with the request."""

    @property
    def kind(self) -> str: ...
    @property
    def response_format(self) -> AudioFormat: ...

    def kept(self) -> dict[str, Any]: ...
    def clips(self) -> Sequence[bytes]: ...

    def encoder(self, rate: int) -> Encoder:
        """For samples at `rate` as the inference service sends them."""
        ...

    def frames(self) -> AsyncGenerator[Started | FrameWithAudio, None]:
        """First a `Started`, then the frames. Closing the iterator cancels the work everywhere."""
        ...


# `kept` and `clips` → the work again. Raises what is wrong with them.
Restore = Callable[[dict[str, Any], Sequence[bytes]], Awaitable[Work]]
