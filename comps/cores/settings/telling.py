"""Settings as a person reads them: one row each, what is wrong with them, and what was changed."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, SecretStr, ValidationError

from comps.constants import MIB
from comps.cores.settings.base import ServiceSettings

Settings = type[ServiceSettings]
GIB = 1024 * MIB


@dataclass(frozen=True)
class Variable:
    """One setting: the variable that sets it first, then its other names."""

    field: str
    names: tuple[str, ...]
    default: str
    description: str

    @property
    def name(self) -> str:
        return self.names[0]


def variables(settings: Settings) -> list[Variable]:
    """Every setting of a service, in the order of the class."""
    prefix = str(settings.model_config.get("env_prefix", "")).upper()
    found = []
    for field, info in settings.model_fields.items():
        match info.validation_alias:
            case AliasChoices() as alias:
                names = tuple(str(choice) for choice in alias.choices)
            case str() as name:
                names = (name,)
            case _:
                names = (f"{prefix}{field.upper()}",)
        found.append(Variable(field, names, _shown(field, info.default), info.description or ""))
    return found


def _shown(field: str, value: Any) -> str:
    match value:
        case None | ():
            return ""
        case bool():
            return str(value).lower()
        case int() if field.endswith("_bytes") and value % MIB == 0:
            return f"{value // GIB} GiB" if value % GIB == 0 else f"{value // MIB} MiB"
        case float():
            return f"{value:g}"
        case Path():
            return value.as_posix()
    return str(value)


def help_text(settings: Settings) -> str:
    """All settings for `--help`."""
    rows = variables(settings)
    width = max(len(row.name) for row in rows)
    lines = [
        f"  {row.name:<{width}}  {row.description}" + (f" [{row.default}]" if row.default else "")
        for row in rows
    ]
    return "settings, from the environment or .env:\n" + "\n".join(lines)


def markdown(kinds: Iterable[Settings]) -> str:
    """One table of the settings of several services; what both have is one row."""
    merged: dict[tuple[str, str, str], list[str]] = {}
    for settings in kinds:
        for row in variables(settings):
            # What only differs in its default (the ports) has a row for each service.
            merged.setdefault((row.field, row.default, row.description), []).append(row.name)
    lines = ["| variable | default | |", "|---|---|---|"]
    for (_, default, description), names in merged.items():
        shown = " ".join(f"`{name}`" for name in dict.fromkeys(names))
        lines.append(f"| {shown} | {f'`{default}`' if default else ''} | {description} |")
    return "\n".join(lines)


def complaints(error: ValidationError, settings: Settings) -> Iterator[str]:
    """What is wrong, a line for each variable, by the name of the variable. Never shows a secret."""
    by_name = {name: row for row in variables(settings) for name in (row.field, *row.names)}
    for entry in error.errors():
        place = str(entry["loc"][0]) if entry["loc"] else ""
        message = entry["msg"].removeprefix("Value error, ")
        if (row := by_name.get(place)) is None:
            yield message
            continue
        name = place if place in row.names else row.name
        is_secret = "SecretStr" in str(settings.model_fields[row.field].annotation)
        given = "" if is_secret else f", not {str(entry['input'])[:80]!r}"
        yield f"{name}: {message[:1].lower()}{message[1:]}{given}"


def strangers(settings: Settings, environment: Mapping[str, str]) -> Iterator[str]:
    """Variables with the service's prefix that are no settings: most likely misspelt."""
    prefix = str(settings.model_config.get("env_prefix", "")).upper()
    known = [name for row in variables(settings) for name in row.names]
    for name in sorted(environment):
        if not name.upper().startswith(prefix) or name.upper() in known:
            continue
        # Only what resembles a setting: clusters add variables like TTS_SERVICE_HOST of their own.
        if close := difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.85):
            yield f"{name} is no setting; did you mean {close[0]}?"


def changed(settings: ServiceSettings) -> dict[str, str]:
    """The settings that are not at their defaults, by variable; of a secret only that it is set."""
    told = {}
    for row in variables(type(settings)):
        value = getattr(settings, row.field)
        if value != type(settings).model_fields[row.field].default:
            told[row.name] = "(set)" if isinstance(value, SecretStr) else str(value)
    return told
