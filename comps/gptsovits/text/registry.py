"""Which languages there are, which are installed, and their front ends, each imported on first use."""

import importlib
import logging
import threading
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from comps.cores.errors import MissingLanguageExtra, UnsupportedLanguage
from comps.gptsovits.text.language import FrontEnd

logger = logging.getLogger(__name__)

LANGUAGES = ("en", "zh", "ja", "ko", "yue")

_front_ends: dict[str, FrontEnd] = {}
_models: Path | None = None
_locks = {code: threading.Lock() for code in LANGUAGES}


def front_end(code: str) -> FrontEnd:
    """The front end of a language, built on first use and then shared.

    Raises UnsupportedLanguage for a code that is none of `LANGUAGES`, MissingLanguageExtra when the packages
    that the language stands on are not installed.
    """
    if code not in _locks:
        raise UnsupportedLanguage(code, supported=LANGUAGES)
    if (built := _front_ends.get(code)) is not None:
        return built
    with _locks[code]:
        if code not in _front_ends:
            package = _package(code)
            if not _is_installed(package):
                raise MissingLanguageExtra(code, extra=package.EXTRA)
            began = time.perf_counter()
            takes_models = _models is not None and getattr(package, "TAKES_MODELS", False)
            _front_ends[code] = package.front_end(models=_models) if takes_models else package.front_end()
            logger.info("loaded the %s front end in %.1f s", code, time.perf_counter() - began)
        return _front_ends[code]


def use_models(folder: Path) -> None:
    """Front ends that are built from now on may use models in a folder (Mandarin: g2pW, if it is there)."""
    global _models
    _models = folder


def is_installed(code: str) -> bool:
    """Whether a language's packages are there; looks, imports none of them."""
    return code in LANGUAGES and _is_installed(_package(code))


def extra_of(code: str) -> str:
    """The extra of the distribution that installs what a language stands on."""
    return str(_package(code).EXTRA)


def installed_languages() -> tuple[str, ...]:
    return tuple(code for code in LANGUAGES if is_installed(code))


def warm_up(languages: Iterable[str] | None = None) -> threading.Thread:
    """Loads dictionaries in the background (of all installed languages by default) and returns the thread,
    so that a first request does not wait for them. A language that cannot be loaded is logged, not raised:
    the request that needs it will say so."""
    codes = tuple(languages) if languages is not None else installed_languages()

    def load() -> None:
        for code in codes:
            try:
                loaded = front_end(code)
                loaded.phonemize(loaded.normalize("1"), inventory="v2")
            except Exception:
                logger.warning("could not load the %s front end", code, exc_info=True)

    thread = threading.Thread(target=load, name="text-warm-up", daemon=True)
    thread.start()
    return thread


def _package(code: str) -> ModuleType:
    return importlib.import_module(f"comps.gptsovits.text.{code}")


def _is_installed(package: ModuleType) -> bool:
    requires = getattr(package, "REQUIRES", None)
    return requires is not None and all(find_spec(name) is not None for name in requires)
