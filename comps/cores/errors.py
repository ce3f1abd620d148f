"""Every way in which a request can fail, as a tree of exceptions.

    SovitsError
    ├── InputError                    the caller can mend it
    │   ├── InvalidAudio              not audio, or damaged
    │   │   ├── AudioTooShort
    │   │   ├── AudioTooLong
    │   │   └── SilentAudio
    │   ├── UnspeakableText           nothing in the text can be said
    │   ├── TextTooLong
    │   ├── UnsupportedLanguage       .language, .supported
    │   ├── MissingLanguageExtra      .language, .extra
    │   ├── InvalidOption             a field's value is out of range or makes no sense with another
    │   ├── PathOutsideRoot
    │   ├── FileMissing
    │   ├── UrlRefused                not of an allowed host, or of a private address
    │   ├── UrlUnreadable
    │   ├── BodyTooLarge
    │   └── BodyTooSlow
    ├── AccessError                   who asks, or from where
    │   ├── KeyMissing
    │   ├── KeyWrong
    │   ├── ScopeMissing              the key is good, but not for this
    │   ├── OriginRefused             a page of another origin
    │   ├── HostRefused
    │   └── LimitExceeded             .retry_after in seconds
    │       ├── RateExceeded
    │       └── QuotaExceeded
    ├── CorruptKeys                   the file or setting of API keys
    ├── Overloaded                    .retry_after in seconds
    ├── ModelError
    │   ├── CheckpointError
    │   │   ├── UnsafeCheckpoint      would execute code
    │   │   ├── CorruptCheckpoint
    │   │   ├── UnknownCheckpoint
    │   │   ├── AmbiguousCheckpoint   several versions have these tensors: say which
    │   │   └── MissingTensors
    │   ├── ModelNotFound
    │   ├── ModelNotReady             .missing: the file that is not there
    │   └── NotSupportedByModel
    ├── VoiceError
    │   ├── SpeakerUnknown
    │   ├── VoiceUnknown              a named voice of the gateway
    │   ├── VoiceExists
    │   ├── ProfileMismatch           made by another model
    │   └── CorruptProfile
    ├── EngineError
    │   ├── EngineBusy                .retry_after in seconds
    │   ├── EngineStopped
    │   ├── DeadlineExceeded
    │   ├── Cancelled
    │   └── SynthesisFailed
    ├── JobError
    │   ├── JobUnknown
    │   ├── JobNotFinished
    │   ├── JobInterrupted            the gateway that ran it was lost
    │   ├── IdempotencyKeyReused      by another request
    │   ├── JobStoreUnavailable       .retry_after in seconds
    │   └── JobStoreTooNew            written by a later version
    └── UpstreamError                 between the gateway and the inference service
        ├── UpstreamUnavailable       .retry_after in seconds
        ├── UpstreamNonsense
        └── UpstreamRefused           carries the inference service's own problem

`code` is the stable snake_case name that travels in replies, `title` a short line that is the same for every
instance, `str(error)` the detail: what was wrong and what would be right. This file knows nothing of HTTP;
`comps.cores.web.problems` turns the tree into status codes.
"""

from collections.abc import Iterable
from typing import ClassVar


class SovitsError(Exception):
    """The root: `str(e)` is the detail, `e.code` the stable name, `e.title` the line all instances share."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.title)


# --- what the caller sent -------------------------------------------------------------------------------


class InputError(SovitsError):
    code = "invalid_input"
    title = "The request cannot be served as it is"


class InvalidAudio(InputError):
    code = "invalid_audio"
    title = "Not readable audio"


class AudioTooShort(InvalidAudio):
    code = "audio_too_short"
    title = "The clip is too short"


class AudioTooLong(InvalidAudio):
    code = "audio_too_long"
    title = "The clip is too long"


class SilentAudio(InvalidAudio):
    code = "silent_audio"
    title = "The clip is silent"


class UnspeakableText(InputError):
    code = "unspeakable_text"
    title = "Nothing in the text can be spoken"


class TextTooLong(InputError):
    code = "text_too_long"
    title = "The text is too long"


class UnsupportedLanguage(InputError):
    code = "unsupported_language"
    title = "The language is not supported"

    def __init__(self, language: str, supported: Iterable[str] = (), *, missing: str | None = None) -> None:
        """`missing` is the file of the model that the language needs, if that is why."""
        self.language = language
        self.supported = tuple(supported)
        known = ", ".join(self.supported)
        super().__init__(
            f"language {language!r} is not supported"
            + (f": {missing} is missing" if missing else "")
            + (f"; supported: {known}" if known else "")
        )


class MissingLanguageExtra(InputError):
    code = "missing_language_extra"
    title = "The language's packages are not installed"

    def __init__(self, language: str, extra: str) -> None:
        self.language = language
        self.extra = extra
        super().__init__(f"language {language!r} needs: pip install 'sovits-serve[{extra}]'")


class InvalidOption(InputError):
    code = "invalid_option"
    title = "An option has an impossible value"


class PathOutsideRoot(InputError):
    code = "path_outside_root"
    title = "The path leads out of the audio folder"


class FileMissing(InputError):
    code = "file_missing"
    title = "The file does not exist"


class BodyTooLarge(InputError):
    code = "body_too_large"
    title = "The request body is too large"


class BodyTooSlow(InputError):
    code = "body_too_slow"
    title = "The request body did not arrive in time"


class UrlRefused(InputError):
    code = "url_refused"
    title = "Clips are not fetched from there"


class UrlUnreadable(InputError):
    code = "url_unreadable"
    title = "The clip could not be fetched"


# --- who asks -------------------------------------------------------------------------------------------


class AccessError(SovitsError):
    code = "access_refused"
    title = "The request is not allowed"


class KeyMissing(AccessError):
    code = "key_missing"
    title = "An API key is needed"


class KeyWrong(AccessError):
    code = "key_wrong"
    title = "The API key is not known"


class ScopeMissing(AccessError):
    code = "scope_missing"
    title = "The API key does not allow this"


class OriginRefused(AccessError):
    code = "origin_refused"
    title = "Pages of this origin may not call"


class HostRefused(AccessError):
    code = "host_refused"
    title = "The service does not answer to this name"


class LimitExceeded(AccessError):
    def __init__(self, detail: str = "", *, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class RateExceeded(LimitExceeded):
    code = "rate_exceeded"
    title = "Too many requests"


class QuotaExceeded(LimitExceeded):
    code = "quota_exceeded"
    title = "The day's quota is used up"


class CorruptKeys(SovitsError):
    code = "corrupt_keys"
    title = "The API keys cannot be read"


class Overloaded(SovitsError):
    code = "overloaded"
    title = "Too much is being sent at once"

    def __init__(self, detail: str = "", *, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


# --- the model's files ----------------------------------------------------------------------------------


class ModelError(SovitsError):
    code = "model_error"
    title = "The model cannot do this"


class CheckpointError(ModelError):
    code = "checkpoint_error"
    title = "The checkpoint cannot be loaded"


class UnsafeCheckpoint(CheckpointError):
    code = "unsafe_checkpoint"
    title = "The checkpoint would execute code"


class CorruptCheckpoint(CheckpointError):
    code = "corrupt_checkpoint"
    title = "The checkpoint is damaged"


class UnknownCheckpoint(CheckpointError):
    code = "unknown_checkpoint"
    title = "The checkpoint is of no known kind"


class AmbiguousCheckpoint(CheckpointError):
    code = "ambiguous_checkpoint"
    title = "The checkpoint may be of several versions"


class MissingTensors(CheckpointError):
    code = "missing_tensors"
    title = "The checkpoint's tensors do not fit the network"


class ModelNotFound(ModelError):
    code = "model_not_found"
    title = "There is no such model"


class ModelNotReady(ModelError):
    code = "model_not_ready"
    title = "No model is loaded"

    def __init__(self, detail: str = "", *, missing: str | None = None) -> None:
        self.missing = missing
        super().__init__(detail)


class NotSupportedByModel(ModelError):
    code = "not_supported_by_model"
    title = "The loaded model cannot do this"


# --- voices ---------------------------------------------------------------------------------------------


class VoiceError(SovitsError):
    code = "voice_error"
    title = "The voice cannot be used"


class SpeakerUnknown(VoiceError):
    code = "speaker_unknown"
    title = "There is no such speaker"


class VoiceUnknown(VoiceError):
    code = "voice_unknown"
    title = "There is no such voice"


class VoiceExists(VoiceError):
    code = "voice_exists"
    title = "A voice of this name exists"


class ProfileMismatch(VoiceError):
    code = "profile_mismatch"
    title = "The profile was made by another model"


class CorruptProfile(VoiceError):
    code = "corrupt_profile"
    title = "The profile's bytes are damaged"


# --- the engine -----------------------------------------------------------------------------------------


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


# --- the gateway ----------------------------------------------------------------------------------------


class JobError(SovitsError):
    code = "job_error"
    title = "The job cannot be used"


class JobUnknown(JobError):
    code = "job_unknown"
    title = "There is no such job"


class JobNotFinished(JobError):
    code = "job_not_finished"
    title = "The job has no audio yet"


class JobInterrupted(JobError):
    code = "job_interrupted"
    title = "The job was interrupted"


class IdempotencyKeyReused(JobError):
    code = "idempotency_key_reused"
    title = "The idempotency key belongs to another request"


class JobStoreUnavailable(JobError):
    code = "job_store_unavailable"
    title = "Jobs cannot be written down"

    def __init__(self, detail: str = "", *, retry_after: float = 5.0) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class JobStoreTooNew(JobError):
    code = "job_store_too_new"
    title = "The jobs were written by a newer version"


class UpstreamError(SovitsError):
    code = "upstream_error"
    title = "The inference service failed"


class UpstreamUnavailable(UpstreamError):
    code = "upstream_unavailable"
    title = "The inference service is not ready"

    def __init__(self, detail: str = "", *, retry_after: float = 2.0) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class UpstreamNonsense(UpstreamError):
    code = "upstream_nonsense"
    title = "The inference service answered nonsense"


class UpstreamRefused(UpstreamError):
    """The inference service's own refusal, which is the caller's to know: carried on as it came."""

    def __init__(
        self, detail: str, *, status: int, code: str, title: str, retry_after: float | None = None
    ) -> None:
        self.status = status
        self.refusal_code = code
        self.refusal_title = title
        self.retry_after = retry_after
        super().__init__(detail)
