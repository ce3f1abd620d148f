"""What stands for a GPU's recording in tests."""

from comps.gptsovits.engine.graphs import Run


class Recorder:
    """Records nothing, but does as a recording does: runs twice first, and counts."""

    def __init__(self) -> None:
        self.n_recorded = 0

    def __call__(self, run: Run) -> Run:
        self.n_recorded += 1
        run()
        run()
        return run
