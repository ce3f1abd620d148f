"""Official tensor names → ours, by tables of rules: `("h.layers.{i}.linear1.{w}", "blocks.{i}.expand.{w}")`.

`{i}` matches a number, `{w}` one part of a name, `{rest}` any number of parts. On the right a number may be
divided, `{i//3}` or `{i%3}`, also by a size the caller names (`{i//n_blocks}`): the official HiFi-GAN counts
all its blocks in one row.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

Rule = tuple[str, str]


@dataclass(frozen=True)
class Table:
    """The rules of one network, and the official names it has no use for."""

    rules: tuple[Rule, ...]
    unused: tuple[str, ...] = ()  # patterns; `*` at the end stands for the rest


@dataclass(frozen=True)
class Renamed:
    official: dict[str, str]  # our name → the official one
    left_over: list[str]  # official names that no rule knows


def rename(names: Iterable[str], table: Table, sizes: Mapping[str, int] | None = None) -> Renamed:
    """What each official name is called here. Names the table lists as unused are silently dropped."""
    official: dict[str, str] = {}
    left_over = []
    for name in names:
        if any(_pattern(pattern).fullmatch(name) for pattern in table.unused):
            continue
        if (ours := _ours(name, table, sizes or {})) is not None:
            official[ours] = name
        else:
            left_over.append(name)
    return Renamed(official, left_over)


def _ours(name: str, table: Table, sizes: Mapping[str, int]) -> str | None:
    for pattern, target in table.rules:
        if match := _pattern(pattern).fullmatch(name):
            return _filled(target, match.groupdict(), sizes)
    return None


_PLACE = re.compile(r"\{(\w+)(?:(//|%)(\w+))?\}")


_KINDS = {"w": r"\w+", "rest": r".+"}


@lru_cache(maxsize=2048)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts, end = [], 0
    for place in _PLACE.finditer(pattern):
        parts.append(re.escape(pattern[end : place.start()]))
        kind = _KINDS.get(place[1], r"\d+")
        parts.append(f"(?P<{place[1]}>{kind})")
        end = place.end()
    rest = pattern[end:]
    parts.append(re.escape(rest.removesuffix("*")) + (".*" if rest.endswith("*") else ""))
    return re.compile("".join(parts))


def _filled(target: str, found: Mapping[str, str], sizes: Mapping[str, int]) -> str:
    def fill(place: re.Match[str]) -> str:
        name, operator, operand = place.groups()
        if operator is None:
            return found[name]
        by = int(operand) if operand.isdigit() else sizes[operand]
        return str(int(found[name]) // by if operator == "//" else int(found[name]) % by)

    return _PLACE.sub(fill, target)
