"""The models in the folder of the configured one."""

from comps.cores.errors import ModelNotReady
from comps.cores.proto.health import ModelList, ModelView
from services.gptsovits.inference import Inference
from services.gptsovits.sources import ModelSource


def models_found(source: ModelSource, inference: Inference) -> ModelList:
    """What lies there, which of it is loaded, what the others lack. Opens files: not in the event loop."""
    from comps.gptsovits.checkpoints.catalog import Scanner  # imports torch, which takes its time

    try:
        loaded = inference.loaded.health.id
    except ModelNotReady:
        loaded = None
    root = source.models_folder
    return ModelList(
        models=[
            ModelView(
                id=entry.id,
                version=entry.version,
                path=entry.file.relative_to(root).as_posix(),
                loaded=entry.id == loaded,
                problem=entry.problem or (f"lacks {', '.join(entry.lacks)}" if entry.lacks else None),
            )
            for entry in Scanner(root).scan()
        ]
    )
