"""The models beside the configured one."""

from pathlib import Path

from comps.cores.errors import ModelNotReady, SovitsError
from comps.cores.proto.health import ModelList, ModelView
from services.gptsovits.inference import Inference
from services.gptsovits.sources import MODEL_FILE, ModelSource


def models_found(model_path: Path, inference: Inference) -> ModelList:
    """The configured model and its neighbours, the loaded one first."""
    try:
        loaded = inference.loaded.health
        problem = None
    except ModelNotReady as error:
        loaded, problem = None, str(error)
    configured = ModelView(
        id=loaded.id if loaded else model_path.stem,
        version=loaded.version if loaded else None,
        path=model_path.name,
        loaded=loaded is not None,
        problem=problem,
    )
    others = [_view(path) for path in _neighbours(model_path)]
    return ModelList(models=[configured, *others])


def _neighbours(model_path: Path) -> list[Path]:
    folder = model_path.parent
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and path.resolve() != model_path.resolve()
    )


def _view(path: Path) -> ModelView:
    missing = ModelSource(path).missing()
    problem = f"{missing.name} does not exist" if missing else None
    version = None
    if problem is None:
        try:
            version = version_of(path)
        except SovitsError as error:
            problem = str(error)
    return ModelView(id=path.name, version=version, path=path.name, loaded=False, problem=problem)


def version_of(path: Path) -> str | None:
    """What the files at `path` say they are. Raises `CheckpointError` if it cannot be told."""
    from comps.gptsovits.checkpoints.detect import detect  # imports torch: only when a model is there
    from comps.gptsovits.checkpoints.reader import open_checkpoint

    source = ModelSource(path)
    pair = source.found_pair()
    file = pair.decoder if pair else path / MODEL_FILE if path.is_dir() else path
    with open_checkpoint(file) as checkpoint:
        return str(detect(checkpoint).version(name=file.name))
