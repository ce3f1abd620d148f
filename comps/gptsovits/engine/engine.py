"""Engine: the façade. Requests come from any number of event-loop tasks, the device belongs to one thread."""

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import TypeVar

from comps.cores.audio.waveform import Waveform
from comps.cores.errors import EngineBusy, EngineStopped, ProfileMismatch
from comps.gptsovits.engine import clip as clips
from comps.gptsovits.engine import guard
from comps.gptsovits.engine.catalogue import Catalogue, OneModel
from comps.gptsovits.engine.config import EngineConfig
from comps.gptsovits.engine.errands import Errand
from comps.gptsovits.engine.handle import Handle
from comps.gptsovits.engine.job import Job
from comps.gptsovits.engine.outlet import Outlet
from comps.gptsovits.engine.references import voice_slices
from comps.gptsovits.engine.request import ProfileResult, SpeechOptions, SpeechRequest, TransferRequest
from comps.gptsovits.engine.seeds import fresh_seed
from comps.gptsovits.engine.segments import Script, Segment, script_of, segment_of
from comps.gptsovits.engine.source import Source
from comps.gptsovits.engine.stats import Counters, EngineStats
from comps.gptsovits.engine.transfer import check_transferable, script_of_source
from comps.gptsovits.engine.worker import Worker
from comps.gptsovits.model import Model
from comps.gptsovits.text.pipeline import phonemize
from comps.gptsovits.text.registry import is_installed
from comps.gptsovits.voice import Voice

logger = logging.getLogger(__name__)
T = TypeVar("T")

# What a refused caller is told to wait when nothing has finished yet, and the bounds of a better guess.
RETRY_AFTER_SECONDS = 2.0
RETRY_AFTER_RANGE = (0.5, 60.0)
LONG_TEXT_CHARACTERS = 1_000


class Engine:
    """Speaks requests in voices made from clips. `start` before use, `stop` after; or use it as a context."""

    def __init__(
        self,
        model: Model | Catalogue,
        *,
        queue_capacity: int = 32,
        max_running: int = 16,
        config: EngineConfig | None = None,
    ) -> None:
        self.config = config or EngineConfig(queue_capacity=queue_capacity, max_running=max_running)
        self._models: Catalogue = OneModel(model) if isinstance(model, Model) else model
        self._counters = Counters()
        self._worker = Worker(self.config, self._counters, begun=self._job_begun, left=self._job_left)
        # Text is read on threads of its own: dictionaries are Python, and would hold up the device's thread.
        # Long texts queue apart, so that a sentence does not wait for a book.
        self._readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="gptsovits-text")
        self._long_readers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gptsovits-long-text")
        self._job_ids = itertools.count()
        self._lock = threading.Lock()
        self._waiting: set[int] = set()
        self._running: set[int] = set()
        self._is_started = self._is_stopped = False
        self._preparations: list[Future[None]] = []

    def start(self) -> None:
        """Starts the worker and readies the default model, which takes a moment in the background."""
        self._is_started = True
        self._worker.start()
        model = self._models.get(None)
        languages = tuple(code for code in model.languages if is_installed(code))
        self._preparations = [self._worker.prepare(model), self._readers.submit(_warm_up, languages)]

    async def ready(self) -> None:
        """Returns when the first request will be as fast as the next: weights packed, dictionaries loaded."""
        await asyncio.gather(*map(asyncio.wrap_future, self._preparations))

    def stop(self) -> None:
        """Returns when the device is free. Requests under way fail with `EngineStopped`."""
        self._is_stopped = True
        if self._is_started:
            self._worker.stop()
        for readers in (self._readers, self._long_readers):
            readers.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> "Engine":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def profile(
        self,
        reference: Waveform,
        *,
        text: str | None = None,
        language: str = "auto",
        aux: Sequence[Waveform] = (),
        model: str | None = None,
    ) -> ProfileResult:
        """A voice from a clip, its transcript if there is one, and more clips of the same speaker.

        Raises `InvalidAudio` and its kin for the clips, `UnspeakableText` or a language's error for the
        transcript, `EngineStopped`.
        """
        self._check_alive()
        began = time.monotonic()
        loaded = await self._model(model)
        text = (text or "").strip()
        must_be_whole = loaded.facts.requires_transcript
        clip, *others = await self._read(
            lambda: [
                clips.prepared(reference, has_transcript=bool(text), must_be_whole=must_be_whole),
                *(clips.prepared(waveform) for waveform in aux),
            ]
        )
        warnings = [warning for part in (clip, *others) for warning in part.warnings]
        transcript = None
        if text and clip.is_whole:
            transcript = await self._read(lambda: _transcript(text, language, loaded))
        elif text:
            warnings.append("the transcript is not used, because only a part of the clip is")
        spoken = transcript.spans[0].language if transcript is not None else ""
        slices = voice_slices(
            loaded, clip, transcript=transcript, text=text, language=spoken, aux=tuple(others)
        )
        voice: Voice = await asyncio.wrap_future(self._worker.run(Errand(slices)))
        self._counters.add("profiles")
        return ProfileResult(voice, tuple(warnings), time.monotonic() - began)

    async def submit(self, request: SpeechRequest) -> Handle:
        """Puts a request in line and returns its handle, an async iterator of audio.

        Raises `EngineBusy`, `EngineStopped`, `ProfileMismatch`, `ModelNotFound`, `UnspeakableText`,
        `TextTooLong`, `UnsupportedLanguage` or `MissingLanguageExtra`; what goes wrong later is raised by the
        handle.
        """
        model = await self._model_for(request)
        is_long = len(request.text) > LONG_TEXT_CHARACTERS
        return await self._queued(
            request, model, lambda: (self._script(request, model), None), is_long=is_long
        )

    async def transfer(self, request: TransferRequest) -> Handle:
        """Puts a voice transfer in line: the audio is as long as the source, to the next whole token.

        Raises what `submit` raises, `InvalidAudio`, `AudioTooShort`, `AudioTooLong` or `SilentAudio` for the
        source, and `NotSupportedByModel`.
        """
        model = await self._model_for(request)
        check_transferable(model, request.voice)
        await self._read(lambda: clips.check(request.source))
        handle = await self._queued(request, model, lambda: script_of_source(request, model))
        self._counters.add("transfers")
        return handle

    def forget(self, model: Model) -> None:
        """Lets go of what was readied for a model that its catalogue has dropped; from any thread.

        Requests under way in it go on to their end.
        """
        self._worker.forget(model)

    def stats(self) -> EngineStats:
        """A snapshot, from any thread."""
        with self._lock:
            running, waiting = len(self._running), len(self._waiting)
        return self._counters.snapshot(
            running=running,
            waiting=waiting,
            capacity=self.config.queue_capacity,
            rows_busy=self._worker.n_rows_busy,
            rows=self.config.max_running,
            steps=self._worker.steps,
        )

    async def _model_for(self, request: SpeechRequest | TransferRequest) -> Model:
        self._check_alive()
        model = await self._model(request.model)
        if request.voice.fingerprint != model.fingerprint:
            raise ProfileMismatch(
                f"the voice was made by model {request.voice.model_id!r}, not by the weights of {model.id!r}"
            )
        return model

    async def _queued(
        self,
        request: SpeechRequest | TransferRequest,
        model: Model,
        read: Callable[[], tuple[Script, Source | None]],
        *,
        is_long: bool = False,
    ) -> Handle:
        job_id = next(self._job_ids)
        self._enter(job_id)
        try:
            submitted_at = time.monotonic()
            script, source = await self._read(lambda: self._timed(read), is_long=is_long)
            job = self._job(job_id, request.voice, request.options, model, script, source)
            job.submitted_at = submitted_at
            self._check_alive()
        except BaseException:
            self._leave(job_id)
            raise
        self._worker.submit(job)
        return job.handle

    def _job(
        self,
        job_id: int,
        voice: Voice,
        options: SpeechOptions,
        model: Model,
        script: Script,
        source: Source | None,
    ) -> Job:
        if source is not None:
            options = replace(options, n_tokens=source.n_tokens)
        pauses = script.pauses(options.pause_seconds)
        handle = Handle(
            seed=fresh_seed() if options.seed is None else options.seed,
            sample_rate=model.sample_rate,
            segments_total=len(script.segments),
            segment_texts=[segment.text for segment in script.segments],
            expected_seconds=_expected_seconds(script, options, model) + sum(pauses) + script.lead_seconds,
            cancel=lambda handle: self._worker.cancel(job_id),
        )
        handle.warnings += script.warnings
        return Job(
            id=job_id,
            handle=handle,
            model=model,
            voice=voice,
            options=options,
            segments=script.segments,
            seed=handle.seed,
            outlet=Outlet(
                pauses, sample_rate=model.sample_rate, lead_seconds=script.lead_seconds, send=handle.deliver
            ),
            source=source,
        )

    def _script(self, request: SpeechRequest, model: Model) -> Script:
        return script_of(
            request.text,
            language=request.options.language,
            split=request.options.split,
            inventory=model.facts.symbols,
            supported=model.languages,
            max_characters=self.config.max_text_characters,
            pronunciations=request.options.pronunciations,
        )

    def _timed(self, read: Callable[[], T]) -> T:
        began = time.monotonic()
        try:
            return read()
        finally:
            self._counters.spent("text", time.monotonic() - began)

    async def _model(self, model_id: str | None) -> Model:
        # Not on the readers' threads: loading takes seconds, and would hold up the texts of other models.
        return await asyncio.to_thread(self._models.get, model_id)

    async def _read(self, call: Callable[[], T], *, is_long: bool = False) -> T:
        readers = self._long_readers if is_long else self._readers
        try:
            return await asyncio.get_running_loop().run_in_executor(readers, call)
        except RuntimeError as error:
            if self._is_stopped:
                raise EngineStopped("the engine is stopped") from error
            raise

    def _check_alive(self) -> None:
        if self._is_stopped or not self._is_started or not self._worker.is_alive:
            raise EngineStopped("the engine is not running")

    def _enter(self, job_id: int) -> None:
        with self._lock:
            if len(self._waiting) >= self.config.queue_capacity:
                raise EngineBusy(
                    f"{len(self._waiting)} requests are waiting already", retry_after=self._retry_after()
                )
            self._waiting.add(job_id)
        self._counters.add("requests")

    def _leave(self, job_id: int) -> None:
        with self._lock:
            self._waiting.discard(job_id)
            self._running.discard(job_id)

    def _job_begun(self, job: Job) -> None:
        with self._lock:
            self._waiting.discard(job.id)
            self._running.add(job.id)

    def _job_left(self, job: Job) -> None:
        self._leave(job.id)

    def _retry_after(self) -> float:
        """About when a place in the queue is free: the usual time of a request, shared by all rows."""
        recent = sorted(self._counters.recent_totals())
        if not recent:
            return RETRY_AFTER_SECONDS
        low, high = RETRY_AFTER_RANGE
        return min(high, max(low, recent[len(recent) // 2] / self.config.max_running))


def _expected_seconds(script: Script, options: SpeechOptions, model: Model) -> float:
    """Of speech, without pauses."""
    n_tokens = [
        options.n_tokens or guard.expected_tokens(len(segment.phonemes)) for segment in script.segments
    ]
    return sum(n_tokens) / model.facts.token_rate / options.speed


def _warm_up(languages: tuple[str, ...]) -> None:
    """Loads the front ends, so that the first request does not wait for dictionaries."""
    for language in languages:
        try:
            phonemize("1", language)
        except Exception:  # the request that needs it will say why
            logger.warning("could not load the %s front end", language, exc_info=True)


def _transcript(text: str, language: str, model: Model) -> Segment:
    """The transcript as phonemes, whatever its length: it is not divided."""
    phonemized = phonemize(text, language, inventory=model.facts.symbols)
    return segment_of(text, phonemized, model.facts.symbols)
