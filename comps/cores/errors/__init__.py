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
instance, `str(error)` the detail: what was wrong and what would be right. Nothing here knows of HTTP;
`comps.cores.web.problems` turns the tree into status codes.
"""

from comps.cores.errors.access import (
    AccessError,
    CorruptKeys,
    HostRefused,
    KeyMissing,
    KeyWrong,
    LimitExceeded,
    OriginRefused,
    Overloaded,
    QuotaExceeded,
    RateExceeded,
    ScopeMissing,
)
from comps.cores.errors.base import (
    SovitsError,
)
from comps.cores.errors.engine import (
    Cancelled,
    DeadlineExceeded,
    EngineBusy,
    EngineError,
    EngineStopped,
    SynthesisFailed,
)
from comps.cores.errors.gateway import (
    IdempotencyKeyReused,
    JobError,
    JobInterrupted,
    JobNotFinished,
    JobStoreTooNew,
    JobStoreUnavailable,
    JobUnknown,
    UpstreamError,
    UpstreamNonsense,
    UpstreamRefused,
    UpstreamUnavailable,
)
from comps.cores.errors.inputs import (
    AudioTooLong,
    AudioTooShort,
    BodyTooLarge,
    BodyTooSlow,
    FileMissing,
    InputError,
    InvalidAudio,
    InvalidOption,
    MissingLanguageExtra,
    PathOutsideRoot,
    SilentAudio,
    TextTooLong,
    UnspeakableText,
    UnsupportedLanguage,
    UrlRefused,
    UrlUnreadable,
)
from comps.cores.errors.models import (
    AmbiguousCheckpoint,
    CheckpointError,
    CorruptCheckpoint,
    MissingTensors,
    ModelError,
    ModelNotFound,
    ModelNotReady,
    NotSupportedByModel,
    UnknownCheckpoint,
    UnsafeCheckpoint,
)
from comps.cores.errors.voices import (
    CorruptProfile,
    ProfileMismatch,
    SpeakerUnknown,
    VoiceError,
    VoiceExists,
    VoiceUnknown,
)

__all__ = [
    "AccessError",
    "AmbiguousCheckpoint",
    "AudioTooLong",
    "AudioTooShort",
    "BodyTooLarge",
    "BodyTooSlow",
    "Cancelled",
    "CheckpointError",
    "CorruptCheckpoint",
    "CorruptKeys",
    "CorruptProfile",
    "DeadlineExceeded",
    "EngineBusy",
    "EngineError",
    "EngineStopped",
    "FileMissing",
    "HostRefused",
    "IdempotencyKeyReused",
    "InputError",
    "InvalidAudio",
    "InvalidOption",
    "JobError",
    "JobInterrupted",
    "JobNotFinished",
    "JobStoreTooNew",
    "JobStoreUnavailable",
    "JobUnknown",
    "KeyMissing",
    "KeyWrong",
    "LimitExceeded",
    "MissingLanguageExtra",
    "MissingTensors",
    "ModelError",
    "ModelNotFound",
    "ModelNotReady",
    "NotSupportedByModel",
    "OriginRefused",
    "Overloaded",
    "PathOutsideRoot",
    "ProfileMismatch",
    "QuotaExceeded",
    "RateExceeded",
    "ScopeMissing",
    "SilentAudio",
    "SovitsError",
    "SpeakerUnknown",
    "SynthesisFailed",
    "TextTooLong",
    "UnknownCheckpoint",
    "UnsafeCheckpoint",
    "UnspeakableText",
    "UnsupportedLanguage",
    "UpstreamError",
    "UpstreamNonsense",
    "UpstreamRefused",
    "UpstreamUnavailable",
    "UrlRefused",
    "UrlUnreadable",
    "VoiceError",
    "VoiceExists",
    "VoiceUnknown",
]
