"""What is spoken here, and what a language that is not would need."""

from comps.cores.errors import UnsupportedLanguage
from comps.cores.proto.health import LanguageHealth, ModelHealth
from comps.cores.proto.speech import LANGUAGES as HINTS
from comps.gptsovits.text.registry import LANGUAGES, extra_of, is_installed


def languages_of(model: ModelHealth | None) -> list[LanguageHealth]:
    """Every language, with the extra or the model's file that is missing for it."""
    spoken = model.languages if model else ()
    needs = model.needs if model else {}
    return [
        LanguageHealth(
            code=code,
            spoken=code in spoken and is_installed(code),
            missing_extra=None if is_installed(code) else extra_of(code),
            missing_file=needs.get(code),
        )
        for code in LANGUAGES
    ]


def check_language(language: str, model: ModelHealth) -> None:
    """Raises `UnsupportedLanguage` for what nobody knows, and for what the model does not speak."""
    if language not in HINTS:
        raise UnsupportedLanguage(language, ("auto", *model.languages))
    if not language.startswith("auto"):
        check_spoken(language.removeprefix("all_"), model)


def check_spoken(code: str, model: ModelHealth) -> None:
    """Raises `UnsupportedLanguage`, with the missing file's name, if the model does not speak it."""
    if code not in model.languages:
        raise UnsupportedLanguage(code, ("auto", *model.languages), missing=model.needs.get(code))
