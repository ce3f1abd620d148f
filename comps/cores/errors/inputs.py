"""What the caller sent."""

from collections.abc import Iterable

from comps.cores.errors.base import SovitsError


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
    title = "The path leads out of the folder"


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
