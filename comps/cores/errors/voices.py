"""Voices and speaker profiles."""

from comps.cores.errors.base import SovitsError


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
