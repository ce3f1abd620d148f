"""The models beside the configured one."""

from pathlib import Path

from comps.cores.errors import ModelNotReady, SovitsError
from comps.cores.proto.health import ModelList, ModelView
from services.gptsovits.inference import Inference, missing_file


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
    missing = missing_file(path)
    problem = f"{missing.name} does not exist" if missing else None
    version = None
    if problem is None:
        try:
            version = version_of(path)
        except SovitsError as error:
            problem = str(error)
    return ModelView(id=path.name, version=version, path=path.name, loaded=False, problem=problem)


def version_of(path: Path) -> str | None:
    """What the file at `path` says it is. Raises `CheckpointError` if it cannot be told."""
    return None
