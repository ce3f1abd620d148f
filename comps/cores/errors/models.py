"""The model's files."""

from comps.cores.errors.base import SovitsError


class ModelError(SovitsError):
    code = "model_error"
    title = "The model cannot do this"


class CheckpointError(ModelError):
    code = "checkpoint_error"
    title = "The checkpoint cannot be loaded"


class UnsafeCheckpoint(CheckpointError):
    code = "unsafe_checkpoint"
    title = "The checkpoint would execute code"


class CorruptCheckpoint(CheckpointError):
    code = "corrupt_checkpoint"
    title = "The checkpoint is damaged"


class UnknownCheckpoint(CheckpointError):
    code = "unknown_checkpoint"
    title = "The checkpoint is of no known kind"


class AmbiguousCheckpoint(CheckpointError):
    code = "ambiguous_checkpoint"
    title = "The checkpoint may be of several versions"


class MissingTensors(CheckpointError):
    code = "missing_tensors"
    title = "The checkpoint's tensors do not fit the network"


class ModelNotFound(ModelError):
    code = "model_not_found"
    title = "There is no such model"


class ModelNotReady(ModelError):
    code = "model_not_ready"
    title = "No model is loaded"

    def __init__(self, detail: str = "", *, missing: str | None = None) -> None:
        self.missing = missing
        super().__init__(detail)


class NotSupportedByModel(ModelError):
    code = "not_supported_by_model"
    title = "The loaded model cannot do this"
