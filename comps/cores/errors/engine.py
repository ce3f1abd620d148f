"""The engine."""

from comps.cores.errors.base import SovitsError


class EngineError(SovitsError):
    code = "engine_error"
    title = "The engine could not finish"


class EngineBusy(EngineError):
    code = "engine_busy"
    title = "The queue is full"

    def __init__(self, detail: str = "", *, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class EngineStopped(EngineError):
    code = "engine_stopped"
    title = "The engine is stopped"


class DeadlineExceeded(EngineError):
    code = "deadline_exceeded"
    title = "The deadline passed before the audio was made"


class Cancelled(EngineError):
    code = "cancelled"
    title = "The request was cancelled"


class SynthesisFailed(EngineError):
    code = "synthesis_failed"
    title = "The audio could not be made"
