"""The models in the folder of the configured one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from comps.cores.proto.health import ModelList, ModelView
from services.gptsovits.inference import Inference

if TYPE_CHECKING:
    from comps.gptsovits.checkpoints.catalog import Entry


def models_found(inference: Inference) -> ModelList:
    """What lies there, what is loaded, what the others lack. Opens files: not in the event loop."""
    others = inference.others
    if others is not None:
        return ModelList(models=others.found())
    from comps.gptsovits.checkpoints.catalog import Scanner  # imports torch, which takes its time

    root = inference.source.models_folder
    return ModelList(models=[view_of(entry, root, is_loaded=False) for entry in Scanner(root).scan()])


def view_of(entry: Entry, root: Path, *, is_loaded: bool) -> ModelView:
    return ModelView(
        id=entry.id,
        version=entry.version,
        path=entry.file.relative_to(root).as_posix(),
        loaded=is_loaded,
        problem=entry.problem or (f"lacks {', '.join(entry.lacks)}" if entry.lacks else None),
    )
