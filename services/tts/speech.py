"""One speech request against the inference service: profile, speak, and mend what a restart there broke."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from comps.cores.audio.decoding import ClipLimits, decode
from comps.cores.audio.digest import profile_key
from comps.cores.errors import SpeakerUnknown, UpstreamRefused
from comps.cores.proto.frames import FrameWithAudio
from comps.cores.proto.speech import GatewayFields
from services.tts.inference import InferenceClient, Profile
from services.tts.jobs.work import Started
from services.tts.profiles import Entry, ProfileCache
from services.tts.references import Reference
from services.tts.sounds import Sounds

# What the inference service is told, as far as the request has it; who speaks is said by the profile's id.
PASSED_ON = (
    "text",
    "language",
    "model",
    "speed",
    "seed",
    "top_k",
    "top_p",
    "temperature",
    "repetition_penalty",
    "pause_seconds",
    "split",
    "sample_steps",
    "pronunciations",
)


def passed_on(request: GatewayFields) -> dict[str, Any]:
    """Everything that the sound depends on, but for whose voice it is.

    Where somebody listens the first words are spoken before the sentence is known to its end.
    """
    fields = request.model_dump(include=set(PASSED_ON))
    return {**fields, "stream": request.stream and not request.respond_async}


@dataclass(frozen=True)
class DecodedReference:
    """A reference whose clips were found to be good audio, with the digests of their sounds."""

    reference: Reference
    sounds: tuple[str, ...]


class Speech:
    def __init__(self, inference: InferenceClient, profiles: ProfileCache, limits: ClipLimits) -> None:
        self._inference = inference
        self._profiles = profiles
        self._limits = limits
        self._sounds = Sounds(limits)

    async def decoded(self, reference: Reference) -> DecodedReference:
        """Raises `InvalidAudio` and its kinds."""
        return DecodedReference(reference, await self._sounds.of((reference.clip, *reference.aux)))

    async def check(self, recording: bytes) -> None:
        """Raises `InvalidAudio` and its kinds for what cannot be transferred."""
        await asyncio.to_thread(decode, recording, self._limits)

    async def speak(
        self, request: GatewayFields, reference: DecodedReference | None, *, source: bytes | None = None
    ) -> AsyncGenerator[Started | FrameWithAudio, None]:
        """First a `Started`, then the frames; with a `source`, of that recording in the voice.

        Closing the iterator cancels the request everywhere.
        """
        fields = passed_on(request)
        if reference is not None:  # the request's own words win over the voice's
            fields["pronunciations"] = {**reference.reference.pronunciations, **request.pronunciations}
        speaker, hit = await self._speaker(request, reference)
        for last_try in (False, True):
            fields["speaker_id"] = speaker.speaker_id
            try:
                async with self._inference.speak(fields, source=source) as answer:
                    yield Started(
                        speaker.speaker_id,
                        "hit" if hit else "miss",
                        answer.sample_rate,
                        answer.seed,
                        answer.segments_total,
                        speaker.warnings,
                    )
                    async for found in answer.frames:
                        yield found
                return
            except UpstreamRefused as refusal:
                # A refusal comes before any frame; one for these reasons can be mended, once.
                if last_try or refusal.refusal_code not in ("speaker_unknown", "profile_mismatch"):
                    raise
                speaker = await self._made_known(speaker, reference, request.model)

    async def _speaker(
        self, request: GatewayFields, reference: DecodedReference | None
    ) -> tuple[Entry, bool]:
        if reference is None:
            return Entry(request.speaker_id or "", 0, ()), True
        key = await self._key(reference, request.model)
        return await self._profiles.get(key, lambda: self._process(reference.reference, request.model))

    async def _made_known(
        self, speaker: Entry, reference: DecodedReference | None, model: str | None
    ) -> Entry:
        """The speaker, after the inference service was given the profile again or made a new one."""
        profile = await self._profiles.load(speaker.speaker_id)
        if profile is not None:
            try:
                await self._inference.hydrate(profile)
                return speaker
            except UpstreamRefused as refusal:
                if refusal.refusal_code not in ("profile_mismatch", "corrupt_profile") or reference is None:
                    raise
        if reference is None:
            raise SpeakerUnknown(f"no speaker {speaker.speaker_id[:80]!r} is known: send the clip again")
        # Other weights are loaded than when the profile was made: then the key differs too.
        self._inference.forget_model()
        key = await self._key(reference, model)
        self._profiles.forget(key)
        entry, _ = await self._profiles.get(key, lambda: self._process(reference.reference, model))
        return entry

    async def _key(self, reference: DecodedReference, model_id: str | None) -> str:
        model = await self._inference.model()
        # Of a model that is named, the name is all that is known here.
        weights = model.fingerprint if model_id in (None, model.id) else f"{model.fingerprint}/{model_id}"
        return profile_key(
            reference.sounds,
            text=reference.reference.text,
            language=reference.reference.language,
            fingerprint=weights,
        )

    async def _process(self, reference: Reference, model: str | None) -> Profile:
        return await self._inference.process(
            reference.clip, text=reference.text, language=reference.language, aux=reference.aux, model=model
        )
