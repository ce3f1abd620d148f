"""Worker: the one thread that touches the device. Everyone else leaves it orders."""

import logging
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import torch

from comps.cores.errors import Cancelled, DeadlineExceeded, EngineStopped, SovitsError, SynthesisFailed
from comps.gptsovits.engine.company import fellows, gathered
from comps.gptsovits.engine.config import EngineConfig
from comps.gptsovits.engine.errands import Errand
from comps.gptsovits.engine.job import Job
from comps.gptsovits.engine.lane import Lane
from comps.gptsovits.engine.sequence import Sequence
from comps.gptsovits.engine.shares import Shares
from comps.gptsovits.engine.stats import Counters, StepStats
from comps.gptsovits.engine.transfer import transfer_utterance
from comps.gptsovits.engine.utterance import LiveUtterance, Utterance
from comps.gptsovits.engine.windows import Slice
from comps.gptsovits.model import Model

logger = logging.getLogger(__name__)

Order = Callable[[], None]

# torch lets go of the interpreter at every operation. With Python's default of 5 ms a loop in any other
# thread, such as reading a dictionary, makes a step of some hundred operations take half a second.
SWITCH_SECONDS = 5e-4

# Until its first audio a transfer lets those pass who have less than this in hand; less as it waits.
TRANSFER_PATIENCE_SECONDS = 1.0


class Worker:
    """Turns jobs into audio, a slice at a time, so that orders are obeyed between any two.

    Public methods may be called from any thread; all others run on the worker's own.
    """

    def __init__(
        self,
        config: EngineConfig,
        counters: Counters,
        *,
        begun: Callable[[Job], None],
        left: Callable[[Job], None],
    ) -> None:
        self._config = config
        self._counters = counters
        self._begun, self._left = begun, left
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="gptsovits-engine", daemon=True)
        self._is_stopping = False
        self._n_threads = 1  # of this machine, told when the thread begins
        self._lanes: dict[str, Lane] = {}
        self._leaving: set[str] = set()  # lanes of models that were let go, still speaking
        self._jobs: dict[int, Job] = {}
        self._utterances: list[Utterance] = []
        self._transfers: deque[Job] = deque()  # that have not begun
        self._errands: list[Errand] = []
        self._shares = Shares()
        self._next_lane = 0
        self.steps: StepStats | None = None  # of the first lane

    def start(self) -> None:
        sys.setswitchinterval(min(SWITCH_SECONDS, sys.getswitchinterval()))
        self._thread.start()

    def stop(self) -> None:
        """Ends after the current slice; whatever is under way fails with `EngineStopped`."""

        def order() -> None:
            self._is_stopping = True

        self._orders.put(order)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() and not self._is_stopping

    def submit(self, job: Job) -> None:
        self._orders.put(lambda: self._accept(job))

    def cancel(self, job_id: int) -> None:
        self._orders.put(lambda: self._drop(job_id, Cancelled("the request was cancelled")))

    def prepare(self, model: Model) -> "Future[Any]":
        """Readies a model for requests: packs its weights, allocates its cache, makes its kernels."""

        def ready() -> None:
            self._lane(model).prepare()

        return self._errand(Errand.of_call(ready))

    def forget(self, model: Model) -> None:
        """Frees what was readied for a model, once no request needs it."""
        self._orders.put(lambda: self._release(model.fingerprint))

    def run(self, errand: Errand) -> "Future[Any]":
        """Work in slices, one between any two turns of speech."""
        return self._errand(errand)

    @property
    def n_rows_busy(self) -> int:
        return sum(lane.scheduler.n_running for lane in tuple(self._lanes.values()))

    def _errand(self, errand: Errand) -> "Future[Any]":
        self._orders.put(lambda: self._errands.append(errand))
        return errand.future

    def _run(self) -> None:
        if self._config.threads is not None:
            torch.set_num_threads(self._config.threads)
        self._n_threads = torch.get_num_threads()
        with torch.inference_mode():
            while not self._is_stopping:
                try:
                    self._obey(wait=not (self._jobs or self._errands))
                    if not self._is_stopping:
                        self._expire()
                        self._turn()
                except Exception:  # a fault of ours: nobody may wait for ever because of it
                    logger.exception("the engine lost its thread; what was under way is given up")
                    self._give_up(SynthesisFailed("the engine failed"))
        self._obey(wait=False)
        self._give_up(EngineStopped("the engine was stopped"))

    def _obey(self, *, wait: bool) -> None:
        while True:
            try:
                order = self._orders.get(block=wait)
            except queue.Empty:
                return
            wait = False
            order()

    def _turn(self) -> None:
        if self._errands:
            began = time.monotonic()
            if self._errands[0].advance():
                self._errands.pop(0)
            self._counters.spent("profile", time.monotonic() - began)
        self._admit_transfers()
        lanes = [lane for lane in self._lanes.values() if not lane.scheduler.is_idle]
        began = time.monotonic()
        ready = [utterance for utterance in self._utterances if utterance.is_ready]
        if self._shares.audio_is_next(tokens=bool(lanes), audio=bool(ready)):
            ready.sort(key=lambda u: self._due(u, began))
            pressed = self._is_pressed(ready[0], began)
            self._speak(ready, began)
            seconds = time.monotonic() - began
            self._shares.used(seconds, audio=True, pressed=pressed)
            self._counters.spent("decoder", seconds)
        elif lanes:
            self._next_lane += 1
            lane = lanes[self._next_lane % len(lanes)]
            self._step(lane, began)
            seconds = time.monotonic() - began
            self._shares.used(seconds, audio=False, pressed=lane.scheduler.is_pressed)
            self._counters.spent("t2s", seconds)

    @staticmethod
    def _is_pressed(utterance: Utterance, now: float) -> bool:
        return (utterance.job.slack_seconds(now) or 0.0) < 1.0 and not utterance.job.is_listening

    @staticmethod
    def _due(utterance: Utterance, now: float) -> tuple[float, int, int]:
        slack = utterance.job.slack_seconds(now)
        if utterance.job.is_listening:
            slack = TRANSFER_PATIENCE_SECONDS - (now - utterance.job.submitted_at)
        return (-1e9 if slack is None else slack, utterance.segment, utterance.job.id)

    def _step(self, lane: Lane, now: float) -> None:
        for job in self._jobs.values():
            lane.scheduler.pace(job.id, job.slack_seconds(now))
        torch.set_num_threads(lane.n_threads)
        done, failures, n_tokens = lane.turn(self._begin)
        self._counters.tokens(n_tokens)
        for failure in failures:
            self._drop(failure.request, failure.error)
        for sequence in lane.live:
            self._hear(sequence)
        for sequence in done:
            if sequence.key.request in self._jobs:
                self._settle(lane, sequence)

    def _hear(self, sequence: Sequence) -> None:
        """What a sequence has passed a cut with can be spoken."""
        job, cuts = self._jobs.get(sequence.key.request), sequence.cuts
        if job is None or cuts is None or cuts.n_passed == cuts.n_heard:
            return
        try:
            self._live(job, sequence.key.segment).parts.hear(sequence.tokens[: cuts.n_kept], cuts.last)
            cuts.n_heard = cuts.n_passed
        except Exception as error:
            self._drop(job.id, error)

    def _live(self, job: Job, segment: int) -> LiveUtterance:
        for utterance in self._utterances:
            if isinstance(utterance, LiveUtterance) and utterance.job is job and utterance.segment == segment:
                return utterance
        live = LiveUtterance.begin(job, segment)
        self._utterances.append(live)
        return live

    def _admit_transfers(self) -> None:
        """They need no rows; at most as many go on at once as there are rows all the same."""
        n_running = sum(utterance.job.source is not None for utterance in self._utterances)
        while self._transfers and n_running < self._config.max_running:
            job = self._transfers.popleft()
            if job.id in self._jobs:  # else it was dropped meanwhile
                self._utterances.append(transfer_utterance(self._begin(job.id)))
                n_running += 1

    def _begin(self, job_id: int) -> Job:
        job = self._jobs[job_id]
        if not job.has_begun:
            job.has_begun = True
            self._begun(job)
        return job

    def _settle(self, lane: Lane, sequence: Sequence) -> None:
        """A sequence has stopped: it becomes audio, or is done again."""
        job, index = self._jobs[sequence.key.request], sequence.key.segment
        fault = sequence.fault
        tokens = sequence.tokens
        if fault is not None:
            job.fail_attempt(sequence, fault)
            ear = job.model.ear
            if sequence.attempt < max(self._config.retries, ear.retries if ear is not None else 0):
                self._counters.add("retries")
                lane.restart(sequence)
                return
            best = job.best_attempt(index)
            tokens = best.tokens
            if not best.is_tolerable:
                job.handle.warn(
                    f"segment {index + 1} of {len(job.segments)} {best.fault}; the best of"
                    f" {sequence.attempt + 1} attempts is used"
                )
        lane.finish(sequence)
        try:
            if sequence.cuts is not None and sequence.cuts.n_passed:
                self._live(job, index).parts.finish(tokens)
            else:
                self._utterances.append(Utterance.of(job, index, tokens))
        except Exception as error:
            self._drop(job.id, error)

    def _speak(self, ready: list[Utterance], now: float) -> None:
        """The next of the first, who is most due, and of those who can go with it."""
        leader, vocoder = ready[0], ready[0].job.vocoder
        torch.set_num_threads(leader.job.n_decoder_threads)
        try:
            part = leader.take()
        except Exception as error:
            self._drop(leader.job.id, error)
            return
        if isinstance(part, Slice):
            self._say(leader, lambda: part)
            return
        assert vocoder is not None
        others = fellows(ready, lambda utterance: self._is_pressed(utterance, now))
        rows = gathered(leader, part, others, vocoder, fail=lambda u, error: self._drop(u.job.id, error))
        made = vocoder.vocode([row.window for row in rows])
        self._counters.vocoded(len(rows))
        for row, samples in zip(rows, made, strict=True):
            self._say(row.utterance, partial(row.slice_of, samples))

    def _say(self, utterance: Utterance, part: Callable[[], Slice]) -> None:
        job = utterance.job
        if job.id not in self._jobs:  # it ended with another of its rows
            return
        before = job.outlet.sent_samples
        try:
            if utterance.say(part()):
                self._utterances.remove(utterance)
        except Exception as error:
            self._drop(job.id, error)
            return
        if job.first_audio_at is None and job.outlet.sent_samples > before:
            job.first_audio_at = time.monotonic()
            self._counters.first_audio(job.first_audio_at - job.submitted_at)
        if job.handle.is_deaf:
            self._drop(job.id, Cancelled("nobody listens any more"))
        elif job.outlet.is_finished:
            self._counters.add("succeeded")
            self._counters.add("audio_seconds", job.outlet.sent_seconds)
            self._counters.finished(time.monotonic() - job.submitted_at)
            self._forget(job, None)

    def _accept(self, job: Job) -> None:
        try:
            lane = self._lane(job.model)
            job.n_decoder_threads, job.vocoder = lane.n_decoder_threads, lane.vocoder
            self._jobs[job.id] = job
            if job.source is not None:
                self._transfers.append(job)
            else:
                lane.scheduler.submit(job.id, range(len(job.segments)))
        except Exception as error:
            self._drop(job.id, error, job)

    def _lane(self, model: Model) -> Lane:
        """The model's lane, which is now the most recently used."""
        lane = self._lanes.pop(model.fingerprint, None)
        if lane is None:
            lane = Lane(
                model,
                self._config.max_running,
                n_threads=self._n_threads,
                precision=self._config.precision,
                compiled=self._config.compiled,
            )
            if self.steps is None and lane.choice is not None:
                self.steps = lane.choice.stats
        self._lanes[model.fingerprint] = lane
        idle = [name for name, other in self._lanes.items() if other.scheduler.is_idle and other is not lane]
        for name in idle[: max(0, len(self._lanes) - self._config.max_models)]:
            del self._lanes[name]
        return lane

    def _expire(self) -> None:
        now = time.monotonic()
        for job in [job for job in self._jobs.values() if now > job.deadline]:
            seconds = job.options.deadline_seconds
            self._drop(job.id, DeadlineExceeded(f"the audio was not finished within {seconds:g} s"))

    def _drop(self, job_id: int, error: Exception, job: Job | None = None) -> None:
        """Ends a request with an error; nothing happens when it is over already."""
        job = self._jobs.get(job_id, job)
        if job is None:
            return
        self._counters.add("cancelled" if isinstance(error, Cancelled) else "failed")
        if not isinstance(error, SovitsError):
            logger.error("request %s failed", job.handle.id, exc_info=error)
            error = SynthesisFailed("the model failed on this request")
        self._forget(job, error)

    def _forget(self, job: Job, error: Exception | None) -> None:
        self._jobs.pop(job.id, None)
        self._utterances = [u for u in self._utterances if u.job is not job]
        for lane in self._lanes.values():
            lane.drop(job.id)
        if job.model.fingerprint in self._leaving:
            self._release(job.model.fingerprint)
        self._left(job)
        job.handle.end(error)

    def _release(self, fingerprint: str) -> None:
        self._leaving.discard(fingerprint)
        if any(job.model.fingerprint == fingerprint for job in self._jobs.values()):
            self._leaving.add(fingerprint)
        else:
            self._lanes.pop(fingerprint, None)

    def _give_up(self, error: Exception) -> None:
        for job in list(self._jobs.values()):
            self._drop(job.id, error)
        for errand in self._errands:
            errand.fail(error)
        self._errands.clear()
        self._utterances.clear()
        self._lanes.clear()
