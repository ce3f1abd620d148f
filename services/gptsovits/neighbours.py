"""The models beside the default one, loaded when a request names them. Knows torch: imported when loading."""

from pathlib import Path

from comps.cores.errors import InvalidOption
from comps.cores.proto.health import ModelHealth, ModelView
from comps.gptsovits.checkpoints.assets import Asset, Assets
from comps.gptsovits.checkpoints.loaded import Models
from comps.gptsovits.checkpoints.switching import Switched, WeightSwitch
from comps.gptsovits.model import Model
from services.gptsovits.catalogue import view_of


class Neighbours:
    """What lies in the folder of models."""

    def __init__(self, models: Models, root: Path, *, first: tuple[Path, Path] | None = None) -> None:
        """`first`: T2S and decoder of the default model, if it was made of two files."""
        self._models, self._root = models, root
        self._switch = WeightSwitch(models, root, first=first)

    def health(self, model_id: str) -> ModelHealth:
        return health_of(self._models.get(model_id))

    def use(self, *, t2s: str | None, decoder: str | None) -> Switched:
        if t2s is not None and decoder is not None:
            return self._switch.use_both(t2s, decoder)
        if t2s is not None:
            return self._switch.use_t2s(t2s)
        if decoder is not None:
            return self._switch.use_decoder(decoder)
        raise InvalidOption("name a file of weights")

    def found(self) -> list[ModelView]:
        loaded = self._models.loaded_ids()
        return [view_of(entry, self._root, is_loaded=entry.id in loaded) for entry in self._models.entries()]


def health_of(model: Model) -> ModelHealth:
    return ModelHealth(
        id=model.id,
        version=str(model.version),
        fingerprint=model.fingerprint,
        languages=list(model.languages),
        sample_rate=model.sample_rate,
        # What the weights have learnt and cannot speak is Chinese without its BERT.
        needs={
            code: Assets.official(Asset.TEXT) for code in model.facts.languages if code not in model.languages
        },
    )
