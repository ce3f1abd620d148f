"""The model and its engine, from 'starting' over 'unavailable' to 'ok', and what `/health` says of them."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from comps.cores.errors import ModelNotFound, ModelNotReady, ProfileMismatch, SovitsError
from comps.cores.proto.health import InferenceHealth, ModelHealth, QueueHealth, StepHealth
from comps.gptsovits.engine.stats import StepStats
from comps.gptsovits.voice import Voice
from services.gptsovits.languages import languages_of
from services.gptsovits.ports import OtherModels, SpeechEngine
from services.gptsovits.sources import ModelSource

logger = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 2.0


@dataclass(frozen=True)
class LoadedModel:
    """A running engine, and what is told about the model in it."""

    engine: SpeechEngine
    health: ModelHealth
    device: str
    dtype: str
    others: OtherModels | None = None


class Inference:
    """Loads the model in the background, so that the service can say what it is waiting for."""

    def __init__(
        self,
        source: ModelSource,
        load: Callable[[], LoadedModel],
        *,
        watch: Callable[[SpeechEngine], SpeechEngine] = lambda engine: engine,
    ) -> None:
        """`watch` may wrap the engine that requests are given."""
        self.source = source
        self._load = load
        self._watch = watch
        self._loaded: LoadedModel | None = None
        self._problem: SovitsError | None = None
        self._started = time.monotonic()

    @property
    def loaded(self) -> LoadedModel:
        """The model in use. Raises `ModelNotReady` while there is none."""
        if self._loaded is None:
            missing = self._problem.missing if isinstance(self._problem, ModelNotReady) else None
            raise ModelNotReady(str(self._problem or "the model is still being loaded"), missing=missing)
        return self._loaded

    @property
    def others(self) -> OtherModels | None:
        """The models beside the default one, once that is loaded."""
        return self._loaded.others if self._loaded is not None else None

    @property
    def engine(self) -> SpeechEngine:
        return self._watch(self.loaded.engine)

    async def model(self, model_id: str | None) -> ModelHealth:
        """The model that a request names, loaded if need be; None is the default.

        Raises `ModelNotFound`, or why it cannot be loaded.
        """
        loaded = self.loaded
        if model_id in (None, loaded.health.id):
            return loaded.health
        if loaded.others is None:
            raise ModelNotFound(f"there is no model {model_id!r}; loaded is {loaded.health.id!r}")
        return await asyncio.to_thread(loaded.others.health, model_id)

    async def model_of(self, voice: Voice) -> ModelHealth:
        """The model whose weights made `voice`. Raises `ProfileMismatch` if it is not here."""
        if voice.fingerprint == self.loaded.health.fingerprint:
            return self.loaded.health
        try:
            model = await self.model(voice.model_id)
        except ModelNotFound:
            model = self.loaded.health
        check_fingerprint(voice, model)
        return model

    async def run(self) -> None:
        """Load the model, waiting for a missing file if need be; returns when it is loaded or is bad."""
        while True:
            problem = self._missing() or await self._load_failure()
            if problem is None:
                return
            if str(problem) != str(self._problem):
                logger.error("no model: %s", problem)
            self._problem = problem
            if not isinstance(problem, ModelNotReady) or problem.missing is None:
                return
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _missing(self) -> SovitsError | None:
        missing = self.source.missing()
        if missing is None:
            return None
        return ModelNotReady(f"there is no model: {missing} does not exist", missing=str(missing))

    async def _load_failure(self) -> SovitsError | None:
        """Why the model cannot be loaded; None if now it is."""
        began = time.monotonic()
        try:
            loaded = await asyncio.to_thread(self._load)
            await asyncio.to_thread(loaded.engine.start)
        except SovitsError as error:
            return error
        except Exception as error:
            logger.exception("the model cannot be loaded: %s", error)  # of no request: it quotes nobody
            return ModelNotReady(f"the model cannot be loaded: {type(error).__name__}")
        self._loaded = loaded
        logger.info("model %s is ready after %.1f s", loaded.health.id, time.monotonic() - began)
        return None

    async def stop(self) -> None:
        if self._loaded is not None:
            await asyncio.to_thread(self._loaded.engine.stop)

    def health(self, *, n_speakers: int) -> InferenceHealth:
        uptime = round(time.monotonic() - self._started, 3)
        if self._loaded is None:
            status = "starting" if self._problem is None else "unavailable"
            missing = self._problem.missing if isinstance(self._problem, ModelNotReady) else None
            detail = str(self._problem) if self._problem else "the model is being loaded"
            return InferenceHealth(
                status=status,
                uptime_seconds=uptime,
                detail=detail,
                missing=missing,
                languages=languages_of(None),
            )
        stats = self._loaded.engine.stats()
        return InferenceHealth(
            status="ok",
            model=self._loaded.health,
            device=self._loaded.device,
            dtype=self._loaded.dtype,
            queue=QueueHealth(running=stats.running, waiting=stats.waiting, capacity=stats.capacity),
            steps=_steps(stats.steps),
            speakers=n_speakers,
            uptime_seconds=uptime,
            languages=languages_of(self._loaded.health),
        )


def _steps(steps: StepStats | None) -> StepHealth | None:
    if steps is None:
        return None
    return StepHealth(
        form=steps.form,
        threads=list(steps.threads) if steps.threads is not None else None,
        measured_ms={form: list(pair) for form, pair in steps.measured_ms.items()},
    )


def check_fingerprint(voice: Voice, model: ModelHealth) -> None:
    """Raises `ProfileMismatch` if other weights made the voice."""
    if voice.fingerprint != model.fingerprint:
        raise ProfileMismatch(f"the profile was made by {voice.model_id}, other weights than {model.id}'s")
