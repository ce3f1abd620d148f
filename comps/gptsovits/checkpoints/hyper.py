"""What a checkpoint's config says that no tensor tells, wherever in it that is written."""

from collections.abc import Mapping
from typing import Any

from comps.cores.errors import CorruptCheckpoint, MissingTensors


class Hyper:
    """Looks a name up in `config["model"]`, then in `config` itself: both forms are about."""

    def __init__(self, config: Mapping[str, Any] | None) -> None:
        self._config = config or {}

    def get(self, name: str) -> Any:
        """None when the config does not say."""
        for place in (self._config.get("model"), self._config):
            if isinstance(place, Mapping) and name in place:
                return place[name]
        return None

    def integer(self, name: str, otherwise: int | None = None) -> int:
        value = self.get(name)
        if value is None:
            value = otherwise
        if value is None:
            raise MissingTensors(f"the file's config does not say {name!r}, which no tensor tells")
        if not isinstance(value, int) or not 0 < value < 1 << 20:
            raise CorruptCheckpoint(f"the file's config says {name} = {value!r}")
        return value

    def integers(self, name: str, otherwise: tuple[int, ...] | None = None) -> tuple[int, ...]:
        value = self.get(name)
        if value is None:
            value = otherwise
        if value is None:
            raise MissingTensors(f"the file's config does not say {name!r}, which no tensor tells")
        return _row(name, value)

    def rows(self, name: str, otherwise: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
        value = self.get(name)
        if value is None:
            return otherwise
        if not isinstance(value, list | tuple):
            raise CorruptCheckpoint(f"the file's config says {name} = {value!r}")
        return tuple(_row(name, row) for row in value)


def _row(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not value or not all(type(v) is int and v > 0 for v in value):
        raise CorruptCheckpoint(f"the file's config says {name} = {value!r}")
    return tuple(value)
