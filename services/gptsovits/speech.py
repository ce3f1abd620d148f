"""From a validated request to audio: who speaks, submitting it, and framing what comes back."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from comps.constants import DEADLINE_SECONDS
from comps.cores.audio.decoding import ClipLimits, decode
from comps.cores.audio.digest import profile_key, sound_digest
from comps.cores.audio.encoding import Encoder, encode_whole, to_int16
from comps.cores.audio.formats import AudioFormat
from comps.cores.audio.references import AudioRoot
from comps.cores.audio.waveform import Waveform
from comps.cores.errors import CorruptProfile, InvalidOption, SovitsError
from comps.cores.flights import SingleFlight
from comps.cores.proto.frames import Frame, pack
from comps.cores.proto.health import ModelHealth
from comps.cores.proto.speech import SpeechFields, VoiceFields
from comps.cores.proto.transfer import TransferRequest
from comps.cores.web.problems import problem_of
from comps.cores.web.streaming import encode_aside, finish_aside
from comps.gptsovits.engine.request import SpeechOptions, SpeechRequest
from comps.gptsovits.engine.request import TransferRequest as EngineTransfer
from comps.gptsovits.voice import Voice
from services.gptsovits.inference import Inference, check_fingerprint
from services.gptsovits.languages import check_language
from services.gptsovits.ports import SpeechHandle
from services.gptsovits.speakers import Speaker, Speakers


@dataclass(frozen=True)
class Reference:
    """The clips of one speaker as they were sent, before any decoding."""

    clip: bytes
    aux: tuple[bytes, ...] = ()


class Speech:
    def __init__(
        self,
        inference: Inference,
        speakers: Speakers,
        *,
        audio_root: AudioRoot,
        limits: ClipLimits,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self.inference = inference
        self.speakers = speakers
        self._audio_root = audio_root
        self._limits = limits
        self._deadline_seconds = deadline_seconds
        self._flights: SingleFlight[Speaker] = SingleFlight()

    async def speaker_for(
        self,
        fields: VoiceFields,
        model: ModelHealth,
        *,
        clip: bytes | None = None,
        aux: Sequence[bytes] = (),
    ) -> tuple[Speaker, bool]:
        """Who speaks, and whether that was known already: by id, by uploaded `clip`, or by path.

        Raises `SpeakerUnknown`, `InvalidAudio` and what else a clip or a path can be wrong by.
        """
        if fields.speaker_id is not None:
            if clip is not None or fields.reference_audio:
                raise InvalidOption("give speaker_id or a reference clip, not both")
            speaker = self.speakers.get(fields.speaker_id)
            check_fingerprint(speaker.voice, model)
            return speaker, True
        if clip is not None and fields.reference_audio:
            raise InvalidOption("give reference_audio as an upload or as a path, not both")
        reference = await asyncio.to_thread(self._read, fields, clip, aux)
        return await self._profiled(reference, fields, model)

    async def model_for(self, fields: VoiceFields) -> ModelHealth:
        """The model a request is for: the one it names, else its speaker's, else the default.

        Raises `ModelNotFound`, why it cannot be loaded, `SpeakerUnknown`, `ProfileMismatch` or
        `UnsupportedLanguage` for a language that the model does not speak.
        """
        if fields.model is None and fields.speaker_id is not None:
            model = await self.inference.model_of(self.speakers.get(fields.speaker_id).voice)
        else:
            model = await self.inference.model(fields.model)
        for language in (fields.language, fields.reference_language):
            check_language(language, model)
        return model

    async def source_for(self, fields: TransferRequest, upload: bytes | None) -> Waveform:
        """The recording of a transfer. Raises what a clip or a path can be wrong by."""
        if upload is not None and fields.source_audio:
            raise InvalidOption("give the source as an upload or as source_audio, not both")
        if upload is None and not fields.source_audio:
            raise InvalidOption("what shall be spoken again? give an upload `source`, or source_audio")
        name = fields.source_audio or ""
        return await asyncio.to_thread(
            lambda: decode(self._audio_root.read(name) if upload is None else upload, self._limits)
        )

    async def hydrate(self, speaker_id: str, data: bytes) -> Speaker:
        """Take in a profile made earlier. Raises `CorruptProfile` or `ProfileMismatch`."""
        voice = Voice.from_bytes(data)
        if voice.id != speaker_id:
            raise CorruptProfile(f"the profile's digest is {voice.id}, not {speaker_id[:80]!r}")
        await self.inference.model_of(voice)
        speaker = Speaker(voice)
        self.speakers.add(speaker)
        return speaker

    async def submit(
        self, text: str, fields: SpeechFields, speaker: Speaker, model: ModelHealth
    ) -> SpeechHandle:
        """The accepted request. Raises `UnspeakableText`, `UnsupportedLanguage`, `EngineBusy` …"""
        options = replace(
            self._options(fields),
            top_k=fields.top_k,
            top_p=fields.top_p,
            temperature=fields.temperature,
            repetition_penalty=fields.repetition_penalty,
            pause_seconds=fields.pause_seconds,
            split=fields.split,
            stream=fields.stream,
        )
        return await self.inference.engine.submit(
            SpeechRequest(text=text, voice=speaker.voice, options=options, model=model.id)
        )

    async def transfer(
        self, source: Waveform, fields: TransferRequest, speaker: Speaker, model: ModelHealth
    ) -> SpeechHandle:
        """The accepted transfer. Raises as `submit`, and `NotSupportedByModel`."""
        return await self.inference.engine.transfer(
            EngineTransfer(source, fields.text, speaker.voice, self._options(fields), model.id)
        )

    def _options(self, fields: VoiceFields) -> SpeechOptions:
        """What a text and a recording are both spoken by."""
        return SpeechOptions(
            language=fields.language,
            speed=fields.speed,
            seed=fields.seed,
            sample_steps=fields.sample_steps,
            pronunciations=fields.pronunciations,
            deadline_seconds=self._deadline_seconds,
        )

    def _read(self, fields: VoiceFields, clip: bytes | None, aux: Sequence[bytes]) -> Reference:
        if clip is None:
            if not fields.reference_audio:
                raise InvalidOption("who shall speak? give speaker_id, reference_audio or an upload")
            clip = self._audio_root.read(fields.reference_audio)
        named = tuple(self._audio_root.read(name) for name in fields.aux_reference_audio)
        return Reference(clip, (*aux, *named))

    async def _profiled(
        self, reference: Reference, fields: VoiceFields, model: ModelHealth
    ) -> tuple[Speaker, bool]:
        clips = await asyncio.to_thread(self._decoded, reference)
        key = profile_key(
            [sound_digest(clip) for clip in clips],
            text=fields.reference_text,
            language=fields.reference_language,
            fingerprint=model.fingerprint,
        )
        if known := self.speakers.of_clip(key):
            return known, True

        async def make() -> Speaker:
            result = await self.inference.engine.profile(
                clips[0],
                text=fields.reference_text,
                language=fields.reference_language,
                aux=clips[1:],
                model=model.id,
            )
            speaker = Speaker(result.voice, tuple(result.warnings))
            self.speakers.add(speaker, clip_key=key)
            return speaker

        return await self._flights.run(key, make), False

    def _decoded(self, reference: Reference) -> list[Waveform]:
        return [decode(data, self._limits) for data in (reference.clip, *reference.aux)]


async def encoded(handle: SpeechHandle, encoder: Encoder) -> AsyncGenerator[bytes, None]:
    """The audio file in pieces, as its samples are made. Closing this cancels the request."""
    try:
        async for chunk in handle:
            if data := await encode_aside(encoder, chunk.samples):
                yield data
        if data := await finish_aside(encoder):
            yield data
    finally:
        handle.cancel()


async def framed(handle: SpeechHandle) -> AsyncGenerator[bytes, None]:
    """The same for the gateway: samples with their segments, an error as a frame, and an explicit end."""
    n_frames, texts = 0, dict(enumerate(handle.segment_texts))
    try:
        async for chunk in handle:
            frame = Frame(
                segment=chunk.segment,
                segments_total=chunk.segments_total,
                text=texts.pop(chunk.segment, None),
                is_final=chunk.is_final,
            )
            yield pack(frame, to_int16(chunk.samples))
            n_frames += 1
        yield pack(Frame(end=True, segments_total=handle.segments_total, warnings=list(handle.warnings)))
    except SovitsError as error:
        if not n_frames:
            raise  # there is still a status code to say it with
        yield pack(Frame(problem=problem_of(error)))
    finally:
        handle.cancel()


async def whole(handle: SpeechHandle, audio_format: AudioFormat, *, lufs: float | None = None) -> bytes:
    """The complete file. Being cancelled cancels the request."""
    try:
        chunks = [chunk.samples async for chunk in handle]
    finally:
        handle.cancel()
    samples = np.concatenate(chunks) if chunks else np.zeros(0, np.float32)
    return await asyncio.to_thread(encode_whole, samples, handle.sample_rate, audio_format, lufs=lufs)
