"""What computes the outputs of one kind of folder."""

import re
from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor

from tests.parity.case import Case

Method = Callable[..., Tensor]
TOLERANCE = 1e-4
# Rounding errors grow along an ODE solver's path.
TOLERANCE_AFTER_MANY_STEPS = 1e-3
MANY_STEPS = 8


class NotComputed(Exception):
    """No method claims an output of this name."""


def output(pattern: str) -> Callable[[Method], Method]:
    """The method computes outputs whose whole name matches; the pattern's named groups are its arguments."""

    def claim(method: Method) -> Method:
        patterns = [*getattr(method, "patterns", []), re.compile(pattern)]
        method.patterns = patterns  # type: ignore[attr-defined]
        return method

    return claim


class Kind:
    """Subclasses load a network in `__init__` and mark methods with `@output`."""

    _routes: ClassVar[list[tuple[re.Pattern[str], Method]]] = []

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        methods = [m for m in vars(cls).values() if hasattr(m, "patterns")]
        cls._routes = [(p, m) for m in methods for p in m.patterns] + cls._routes

    def __init__(self, case: Case) -> None:
        self.case = case
        self.inputs = case.inputs

    def compute(self, name: str) -> Tensor:
        """The output called `name`. Raises NotComputed for a name that no method claims."""
        for pattern, method in self._routes:
            if found := pattern.fullmatch(name):
                return method(self, **found.groupdict())
        raise NotComputed(f"nothing computes {name!r}")

    def tolerance(self, name: str) -> float:
        """Relative error allowed in the output called `name`."""
        return TOLERANCE_AFTER_MANY_STEPS if self.solver_steps(name) >= MANY_STEPS else TOLERANCE

    def solver_steps(self, name: str) -> int:
        """How many solver steps the output called `name` has behind it."""
        return 0
