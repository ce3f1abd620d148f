"""A row of small whole numbers for each file of the corpus, kept in one npz."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = dict[str, NDArray[np.int64]]


def save_rows(path: Path, name: str, rows: Rows) -> None:
    """Keep `files` [n], all rows end to end as `name`, and their `lengths` [n]."""
    kept: dict[str, Any] = {
        "files": np.array(list(rows)),
        name: np.concatenate(list(rows.values())).astype(np.int16),
        "lengths": np.array([len(row) for row in rows.values()]),
    }
    np.savez_compressed(path, **kept)


def load_rows(path: Path, name: str) -> Rows:
    """The row of each file, as kept by `save_rows`."""
    with np.load(path) as stored:
        pieces = np.split(stored[name].astype(np.int64), np.cumsum(stored["lengths"])[:-1])
        return dict(zip(stored["files"].tolist(), pieces, strict=True))
