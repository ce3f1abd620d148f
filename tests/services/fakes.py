"""A quick engine with the real one's manners, so that the services are tested for what they do themselves."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence

import numpy as np

from comps.cores.audio.waveform import Waveform
from comps.cores.errors import Cancelled, EngineBusy, SynthesisFailed, UnspeakableText
from comps.cores.proto.health import ModelHealth
from comps.gptsovits.engine.request import AudioChunk, ProfileResult, SpeechRequest, TransferRequest
from comps.gptsovits.engine.stats import Counters, EngineStats, StepStats
from comps.gptsovits.voice import Voice
from services.gptsovits.inference import LoadedModel

RATE = 24_000
TOKENS_A_SECOND = 25
FINGERPRINT = "f" * 16


class FakeHandle:
    def __init__(self, engine: "FakeEngine", request: SpeechRequest | TransferRequest) -> None:
        self.seed = 7 if request.options.seed is None else request.options.seed
        self.sample_rate = RATE
        self.segments = [part for part in request.text.split(".") if part.strip()]
        self.segments_total = len(self.segments)
        self.segment_texts = [f"{part.strip()}." for part in self.segments]
        self.warnings: list[str] = []
        self.cancelled = False
        self._done = False
        self._engine = engine
        self._request = request

    async def __aiter__(self) -> AsyncIterator[AudioChunk]:
        self._engine.running += 1
        try:
            for index, segment in enumerate(self.segments):
                await self._engine.step(segment, self)
                for half, samples in enumerate(self.sounds(segment)):
                    yield AudioChunk(samples, index, self.segments_total, bool(half))
            self._done = True
        finally:
            self._engine.running -= 1

    def sounds(self, segment: str) -> tuple[np.ndarray, np.ndarray]:
        tone = self._engine.sound(segment, self._request.voice, self.seed)
        return tone, tone

    def cancel(self) -> None:
        if not self._done and not self.cancelled:
            self.cancelled = True
            self._engine.cancelled += 1


class FakeTransfer(FakeHandle):
    """The source, its loudness that of the voice's tone, in whole tokens."""

    def __init__(self, engine: "FakeEngine", request: TransferRequest) -> None:
        super().__init__(engine, request)
        self.source = request.source
        self.segments = self.segment_texts = [request.text]
        self.segments_total = 1

    def sounds(self, segment: str) -> tuple[np.ndarray, np.ndarray]:
        n = -(-len(self.source.samples) * TOKENS_A_SECOND // self.source.rate) * RATE // TOKENS_A_SECOND
        at = np.arange(n) * self.source.rate / RATE
        samples = np.interp(at, np.arange(len(self.source.samples)), self.source.samples)
        tone = np.resize(self._engine.sound(segment, self._request.voice, self.seed), n)
        first, second = np.array_split((samples * np.abs(tone)).astype(np.float32), 2)
        return first, second


class FakeEngine:
    """Says each segment as a tone whose pitch depends on text, voice and seed.

    The words `[slow]`, `[stuck]` and `[fail]` in a text do what they say.
    """

    def __init__(self, *, capacity: int = 32, fingerprint: str = FINGERPRINT) -> None:
        self.fingerprint = fingerprint
        self.capacity = capacity
        self.running = 0
        self.cancelled = 0
        self.n_profiles = 0
        self.n_submitted = 0
        self.requests: list[SpeechRequest] = []
        self.transfers: list[TransferRequest] = []
        self.profile_seconds = 0.0

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
    ) -> ProfileResult:
        self.n_profiles += 1
        await asyncio.sleep(self.profile_seconds)
        digest = hashlib.sha256(reference.samples.tobytes() + (text or "").encode()).digest()
        voice = Voice(
            fingerprint=self.fingerprint,
            model_id="fake",
            style=np.frombuffer(digest, np.uint8).astype(np.float32),
            prompt_tokens=np.arange(4, dtype=np.int32),
            prompt_phonemes=np.arange(4, dtype=np.int32),
            prompt_text=text or "",
            prompt_language=language,
            seconds=reference.seconds,
        )
        return ProfileResult(voice, (), 0.0)

    async def submit(self, request: SpeechRequest) -> FakeHandle:
        self._admit(request)
        self.requests.append(request)
        return FakeHandle(self, request)

    async def transfer(self, request: TransferRequest) -> FakeTransfer:
        self._admit(request)
        self.transfers.append(request)
        return FakeTransfer(self, request)

    def _admit(self, request: SpeechRequest | TransferRequest) -> None:
        if not any(character.isalnum() for character in request.text):
            raise UnspeakableText("nothing in the text can be spoken")
        if self.running >= self.capacity:
            raise EngineBusy(f"{self.capacity} requests are waiting", retry_after=1.5)
        self.n_submitted += 1

    async def step(self, segment: str, handle: FakeHandle) -> None:
        if handle.cancelled:
            raise Cancelled("the request was cancelled")
        if "[fail]" in segment:
            raise SynthesisFailed("the segment could not be made")
        if "[stuck]" in segment:
            await asyncio.sleep(60)
        await asyncio.sleep(0.15 if "[slow]" in segment else 0)

    def sound(self, segment: str, voice: Voice, seed: int) -> np.ndarray:
        key = f"{segment}|{voice.id}|{seed}".encode()
        pitch = 120 + int.from_bytes(hashlib.sha256(key).digest()[:2], "little") % 200
        t = np.arange(int(RATE * 0.25)) / RATE
        return (0.3 * np.sin(2 * np.pi * pitch * t)).astype(np.float32)

    def stats(self) -> EngineStats:
        return Counters().snapshot(
            running=self.running,
            waiting=0,
            capacity=self.capacity,
            rows_busy=self.running,
            rows=16,
            steps=StepStats("compiled, int8", (1, 2), {"compiled, int8": (0.25, 1.5)}),
        )

    def loaded(self) -> LoadedModel:
        health = ModelHealth(
            id="fake", version="v2", fingerprint=self.fingerprint, languages=["en"], sample_rate=RATE
        )
        return LoadedModel(self, health, device="cpu", dtype="float32")
