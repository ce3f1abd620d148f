"""From settings to a running engine: the one file of this service that knows torch."""

from pathlib import Path

import torch

from comps.cores.errors import InvalidOption
from comps.gptsovits.checkpoints.build import load_model, load_pair
from comps.gptsovits.checkpoints.loaded import Models
from comps.gptsovits.devices import Device, Precision, machine_device
from comps.gptsovits.engine import Engine, EngineConfig
from comps.gptsovits.model import Model
from comps.gptsovits.text.registry import use_models
from services.gptsovits.inference import LoadedModel
from services.gptsovits.neighbours import Neighbours, health_of
from services.gptsovits.settings import GptSovitsSettings
from services.gptsovits.sources import ModelSource, source_of


def load_engine(settings: GptSovitsSettings) -> LoadedModel:
    """The model at `settings.model_path` with an engine around it, not started yet.

    Raises `ModelError`s, and `InvalidOption` for a device that the machine lacks.
    """
    try:
        device = machine_device(settings.device, settings.dtype)
    except ValueError as error:
        raise InvalidOption(str(error)) from error
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    source = source_of(settings)
    use_models(source.assets_folder)
    model = _model(source, device)
    models = Models(
        source.models_folder,
        first=model,
        max_bytes=settings.max_models_bytes,
        device=device.name,
        dtype=device.dtype,
        dropped=lambda dropped: engine.forget(dropped),
    )
    config = EngineConfig(
        queue_capacity=settings.queue_capacity,
        max_running=settings.max_running,
        precision=Precision(settings.precision),
        compiled=settings.compiled,
    )
    engine = Engine(models, config=config)
    others = Neighbours(models, source.models_folder, first=_files_of(model, source, models))
    return LoadedModel(engine, health_of(model), device.name, device.dtype_name, others)


def _files_of(model: Model, source: ModelSource, models: Models) -> tuple[Path, Path] | None:
    """T2S and decoder, if the model was made of two files."""
    if source.pair is not None:
        return source.pair.t2s, source.pair.decoder
    if source.is_own_form:
        return None
    entry = next((entry for entry in models.entries() if entry.id == model.id), None)
    return (entry.t2s, entry.file) if entry is not None and entry.t2s is not None else None


def _model(source: ModelSource, device: Device) -> Model:
    if source.pair is not None:
        return load_pair(
            source.pair.t2s,
            source.pair.decoder,
            assets=source.assets_folder,
            device=device.name,
            dtype=device.dtype,
        )
    if source.is_own_form:
        return load_model(source.path, assets=source.assets, device=device.name, dtype=device.dtype)
    found = Models(source.path, default=source.model, device=device.name, dtype=device.dtype)
    return found.get()
