"""Errands: work on the device that is not speech, in slices."""

from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any


class Errand:
    """A generator's steps, and a future for what it returns."""

    def __init__(self, slices: Generator[None, None, Any]) -> None:
        self._slices = slices
        self.future: Future[Any] = Future()

    @classmethod
    def of_call(cls, call: Callable[[], Any]) -> "Errand":
        def slices() -> Generator[None, None, Any]:
            result = call()
            return result
            yield

        return cls(slices())

    def advance(self) -> bool:
        """One slice; True when there is nothing more to do."""
        if self.future.cancelled():
            self._slices.close()
            return True
        try:
            next(self._slices)
        except StopIteration as end:
            result = end.value
            self._settle(lambda: self.future.set_result(result))
            return True
        except Exception as error:
            failure = error
            self._settle(lambda: self.future.set_exception(failure))
            return True
        return False

    def fail(self, error: Exception) -> None:
        self._settle(lambda: self.future.set_exception(error))

    def _settle(self, call: Callable[[], None]) -> None:
        if self.future.set_running_or_notify_cancel():
            call()
