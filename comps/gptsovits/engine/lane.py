"""Lane: one model's rows, scheduler and running sequences."""

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from comps.gptsovits import native
from comps.gptsovits.devices import Precision
from comps.gptsovits.engine.choosing import Choice
from comps.gptsovits.engine.drawing import Drawer
from comps.gptsovits.engine.graphs import Run, recorded
from comps.gptsovits.engine.job import Job
from comps.gptsovits.engine.packing import pack_decoder
from comps.gptsovits.engine.runner import Runner
from comps.gptsovits.engine.sampling import Draw
from comps.gptsovits.engine.scheduler import Key, Scheduler
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.engine.slots import Slots
from comps.gptsovits.engine.threads import threads_for
from comps.gptsovits.engine.vocoding import BatchedVocoder
from comps.gptsovits.engine.warming import usual_windows, warm_up
from comps.gptsovits.model import Model

# How long running streams wait for a newcomer's text to be read, and then step, and wait again.
SLICE_SECONDS = 0.02


@dataclass
class Failure:
    """A request that cannot go on, and why."""

    request: int
    error: Exception


@dataclass
class Reading:
    """A sequence that is being prefilled."""

    sequence: Sequence
    slices: Generator[None, None, Tensor]

    def advance(self) -> Tensor | None:
        """Goes on for `SLICE_SECONDS`, at least by a layer; the logits `[V]` when that was the last."""
        until = time.monotonic() + SLICE_SECONDS
        try:
            next(self.slices)
            while time.monotonic() < until:
                next(self.slices)
        except StopIteration as end:
            logits: Tensor = end.value
            return logits
        return None


class Lane:
    def __init__(
        self,
        model: Model,
        n_rows: int,
        *,
        n_threads: int = 1,
        precision: Precision = Precision.AUTO,
        compiled: bool = True,
        record: Callable[[Run], Run] | None = None,
    ) -> None:
        """Rows share steps; on a GPU, or with `record`, windows share calls of the vocoder too.

        There `Precision.EXACT` does all in one size, each window by itself, so that a request meets the same
        kernels in company as alone.
        """
        self.model = model
        self.n_threads = threads_for(model.t2s, n_threads)  # counted before the runner packs the weights
        self.n_decoder_threads = pack_decoder(
            model.decoder, precision, compiled=compiled, n_threads=n_threads
        )
        self.slots = Slots(n_rows)
        self.scheduler = Scheduler(self.slots)
        if model.device.type == "cuda" and compiled:
            torch.cuda.set_device(model.device)  # of this thread, for what is recorded
            record = recorded
        if model.device.type == "cuda":
            # Some kernels of transposed convolutions add in whichever order their threads come.
            torch.backends.cudnn.deterministic = True
        self.vocoder = BatchedVocoder(
            model.decoder.vocoder,
            sample_rate=model.sample_rate,
            together=(model.device.type != "cpu" or record is not None) and precision is not Precision.EXACT,
            record=record,
        )
        library = native.load_library() if compiled and model.device.type == "cpu" else None
        self._runner = Runner(
            model.t2s,
            n_rows,
            precision=precision,
            library=library,
            n_threads=None,
            n_torch_threads=self.n_threads,
            record=record,
        )
        self._drawer = Drawer(library)
        self._reading: Reading | None = None
        self._sequences: dict[Key, Sequence] = {}

    def turn(self, job_of: Callable[[int], Job]) -> tuple[list[Sequence], list[Failure], int]:
        """One step of those whose turn it is, and a slice of a prefill.

        Returns the sequences that are done, the requests that failed, and how many tokens were made.
        """
        plan = self.scheduler.plan()
        done: list[Sequence] = []
        failures: list[Failure] = []
        n_tokens = 0
        sequences = [self._sequences[key] for key in plan.step]
        if sequences:
            try:
                drawn = self._step(sequences, [self.slots.row(key) for key in plan.step])
            except Exception as error:  # of the network, so of all who share the step
                failures += [Failure(request, error) for request in {key.request for key in plan.step}]
            else:
                for sequence, draw in drawn:
                    if self._sequences.get(sequence.key) is sequence:  # it may have ended a step ago
                        n_tokens += 1
                        self._take(sequence, draw, done, failures)
        if plan.admit is not None and plan.row is not None:
            try:
                admitted = self._sequences[plan.admit] = job_of(plan.admit.request).sequence(
                    plan.admit.segment
                )
                self._reading = Reading(admitted, self._runner.prefill(admitted, plan.row))
            except Exception as error:
                failures.append(Failure(plan.admit.request, error))
        reading = self._reading
        if reading is not None:
            try:
                first = reading.advance()
            except Exception as error:
                failures.append(Failure(reading.sequence.key.request, error))
                first = None
                self._reading = None
            if first is not None:
                self._reading = None
                self.scheduler.has_read(reading.sequence.key)
                draws = self._drawer.draw([reading.sequence], first[None])
                self._take(reading.sequence, draws[0], done, failures)
                if self._runner.graphs is not None and reading.sequence.tokens:
                    self._runner.graphs.admit(reading.sequence, self.slots.row(reading.sequence.key))
                n_tokens += 1
        return done, failures, n_tokens

    def _step(self, sequences: list[Sequence], rows: list[int]) -> Iterable[tuple[Sequence, Draw | None]]:
        """What they say next; with graphs, what was said in the step before."""
        if self._runner.graphs is not None:
            return self._runner.graphs.turn(sequences, rows)
        logits = self._runner.step(sequences, rows)
        return zip(sequences, self._drawer.draw(sequences, logits), strict=True)

    def prepare(self) -> None:
        """Makes ahead what the first requests would have to wait for."""
        if self._runner.graphs is not None:
            self._runner.graphs.record_all()
        torch.set_num_threads(self.n_decoder_threads)
        if self.vocoder.is_recorded:
            self.vocoder.record_ahead(usual_windows(self.model))
        warm_up(self.model, self.vocoder)

    @property
    def choice(self) -> Choice | None:
        """In which form steps are computed on a CPU, and by what measurement."""
        return self._runner.choice

    @property
    def live(self) -> list[Sequence]:
        """Running sequences that are spoken while they are decoded."""
        return [sequence for sequence in self._sequences.values() if sequence.cuts is not None]

    def finish(self, sequence: Sequence) -> None:
        del self._sequences[sequence.key]
        self.scheduler.finish(sequence.key)

    def restart(self, sequence: Sequence) -> None:
        del self._sequences[sequence.key]
        self.scheduler.restart(sequence.key)

    def drop(self, request: int) -> None:
        self.scheduler.drop(request)
        if self._reading is not None and self._reading.sequence.key.request == request:
            self._reading = None
        self._sequences = {key: s for key, s in self._sequences.items() if key.request != request}

    @staticmethod
    def _take(sequence: Sequence, draw: Draw | None, done: list[Sequence], failures: list[Failure]) -> None:
        try:
            sequence.take(draw)
        except Exception as error:
            failures.append(Failure(sequence.key.request, error))
            return
        if sequence.is_done:
            done.append(sequence)
