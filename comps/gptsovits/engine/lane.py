"""Lane: one model's rows, scheduler and running sequences."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from comps.gptsovits.devices import Precision
from comps.gptsovits.engine.job import Job
from comps.gptsovits.engine.runner import Runner
from comps.gptsovits.engine.scheduler import Key, Scheduler
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.engine.slots import Slots
from comps.gptsovits.engine.threads import threads_for
from comps.gptsovits.engine.vocoding import pack_vocoder
from comps.gptsovits.model import Model


@dataclass
class Failure:
    """A request that cannot go on, and why."""

    request: int
    error: Exception


class Lane:
    def __init__(
        self, model: Model, n_rows: int, *, n_threads: int = 1, precision: Precision = Precision.AUTO
    ) -> None:
        self.model = model
        self.n_threads = threads_for(model.t2s, n_threads)  # counted before the runner packs the weights
        self.n_decoder_threads = threads_for(model.decoder, n_threads)
        pack_vocoder(model.decoder, precision)
        self.slots = Slots(n_rows)
        self.scheduler = Scheduler(self.slots)
        self._runner = Runner(model.t2s, n_rows)
        self._sequences: dict[Key, Sequence] = {}

    def turn(self, job_of: Callable[[int], Job]) -> tuple[list[Sequence], list[Failure], int]:
        """One step of those whose turn it is, and one prefill.

        Returns the sequences that are done, the requests that failed, and how many tokens were made.
        """
        plan = self.scheduler.plan()
        done: list[Sequence] = []
        failures: list[Failure] = []
        sequences = [self._sequences[key] for key in plan.step]
        if sequences:
            try:
                logits: list[Tensor] = list(
                    self._runner.step(sequences, [self.slots.row(key) for key in plan.step])
                )
            except Exception as error:  # of the network, so of all who share the step
                failures += [Failure(request, error) for request in {key.request for key in plan.step}]
            else:
                for sequence, own in zip(sequences, logits, strict=True):
                    self._take(sequence, own, done, failures)
        if plan.admit is not None and plan.row is not None:
            request, segment = plan.admit
            try:
                admitted = self._sequences[plan.admit] = job_of(request).sequence(segment)
                first = self._runner.prefill(admitted, plan.row)
            except Exception as error:
                failures.append(Failure(request, error))
            else:
                self._take(admitted, first, done, failures)
                sequences.append(admitted)
        return done, failures, len(sequences)

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
        self._sequences = {key: s for key, s in self._sequences.items() if key.request != request}

    @staticmethod
    def _take(sequence: Sequence, logits: Tensor, done: list[Sequence], failures: list[Failure]) -> None:
        try:
            sequence.take(logits)
        except Exception as error:
            failures.append(Failure(sequence.key.request, error))
            return
        if sequence.is_done:
            done.append(sequence)
