"""Where the engine gets its models from."""

from typing import Protocol

from comps.cores.errors import ModelNotFound
from comps.gptsovits.model import Model


class Catalogue(Protocol):
    """Models by name. `get` is called off the event loop and may take as long as loading takes."""

    def get(self, model_id: str | None) -> Model:
        """The model, loaded; None is the default. Raises `ModelNotFound` or why it cannot be loaded."""
        ...


class OneModel:
    """A catalogue of one."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def get(self, model_id: str | None) -> Model:
        if model_id not in (None, self._model.id):
            raise ModelNotFound(f"there is no model {model_id!r}; loaded is {self._model.id!r}")
        return self._model
