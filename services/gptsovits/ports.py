"""What this service needs of the engine: `comps.gptsovits.engine` has it, tests have a quick stand-in."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Protocol

from comps.cores.audio.waveform import Waveform
from comps.cores.proto.health import ModelHealth, ModelView
from comps.gptsovits.engine.request import AudioChunk, ProfileResult, SpeechRequest, TransferRequest
from comps.gptsovits.engine.stats import EngineStats

if TYPE_CHECKING:  # it knows torch, which is imported in the loading thread alone
    from comps.gptsovits.checkpoints.switching import Switched


class SpeechHandle(Protocol):
    """One accepted request: iterate it for its audio, or cancel it."""

    @property
    def seed(self) -> int: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def segments_total(self) -> int: ...
    @property
    def segment_texts(self) -> Sequence[str]:
        """What each segment says, as it was written; empty where that is not known."""
        ...

    @property
    def warnings(self) -> Sequence[str]: ...

    def __aiter__(self) -> AsyncIterator[AudioChunk]: ...
    def cancel(self) -> None: ...


class OtherModels(Protocol):
    """The models beside the default one. Both may take as long as reading files takes."""

    def health(self, model_id: str) -> ModelHealth:
        """What is told of a model, loaded now if need be. Raises `ModelNotFound`, or why it cannot be."""
        ...

    def found(self) -> list[ModelView]: ...

    def use(self, *, t2s: str | None, decoder: str | None) -> "Switched":
        """Choose a model by one of its files or both. Raises what can be wrong with them."""
        ...


class SpeechEngine(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...

    async def profile(
        self,
        reference: Waveform,
        *,
        text: str | None = None,
        language: str = "auto",
        aux: Sequence[Waveform] = (),
        model: str | None = None,
    ) -> ProfileResult: ...

    async def submit(self, request: SpeechRequest) -> SpeechHandle: ...
    async def transfer(self, request: TransferRequest) -> SpeechHandle: ...
    def stats(self) -> EngineStats: ...
