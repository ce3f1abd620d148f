"""The hidden Markov models that find words, with and without tags, in text that no dictionary covers."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

State = tuple[str, str]

_UNSEEN = -3.14e100
"""jieba's log probability of what a state never emits. It swallows every sum, so ties are common."""


class TagModel:
    """States are pairs of a place in the word (Begin, Middle, End, Single) and a tag.

    The most probable states of a text by Viterbi's algorithm; of equals the greatest state, as jieba has it.
    """

    def __init__(
        self,
        *,
        start: Mapping[State, float],
        transitions: Mapping[State, Mapping[State, float]],
        emissions: Mapping[State, Mapping[str, float]],
        states_of: Mapping[str, tuple[State, ...]],
    ) -> None:
        # From the greatest down: argmax, which takes the first of equals, then takes the greatest state.
        self._states = sorted(transitions, reverse=True)
        index = {state: i for i, state in enumerate(self._states)}
        self._start = np.array([start[state] for state in self._states])  # [S]
        self._transitions = np.full((len(index), len(index)), -np.inf)  # [S, S], from row to column
        for state, row in transitions.items():
            for target, value in row.items():
                self._transitions[index[state], index[target]] = value
        self._follows = np.isfinite(self._transitions)
        self._goes_on = self._follows.any(axis=1)
        self._all = np.arange(len(index))
        self._emissions = [emissions[state] for state in self._states]
        self._states_of = {
            char: np.array(sorted(index[state] for state in states))
            for char, states in states_of.items()
            if states
        }
        self._emitted = lru_cache(maxsize=4096)(self._emission)

    def cut(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Begin, end and tag of every word of a non-empty text."""
        begin = done = 0
        route = self._route(text)
        for i, (place, tag) in enumerate(route):
            if place == "B":
                begin = i
            elif place == "E":
                yield begin, i + 1, tag
                done = i + 1
            elif place == "S":
                yield i, i + 1, tag
                done = i + 1
        if done < len(text):
            yield done, len(text), route[done][1]

    def _route(self, text: str) -> list[State]:
        states = self._states_of.get(text[0], self._all)
        scores = self._start[states] + self._emitted(text[0])[states]
        steps: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
        for char in text[1:]:
            goes_on = self._goes_on[states]
            before, scores = states[goes_on], scores[goes_on]
            states = self._candidates(char, before)
            # [before, states]: the score of each state by way of each state before it
            ways = scores[:, None] + self._transitions[before[:, None], states] + self._emitted(char)[states]
            best = ways.argmax(axis=0)
            scores = ways[best, np.arange(len(states))]
            steps.append((states, before[best]))
        return self._trace(states[scores.argmax()], steps)

    def _candidates(self, char: str, before: NDArray[np.intp]) -> NDArray[np.intp]:
        reachable = self._follows[before].any(axis=0)  # [S]
        states = self._states_of.get(char, self._all)
        states = states[reachable[states]]
        if len(states):
            return states
        return self._all[reachable] if reachable.any() else self._all

    def _trace(self, last: np.intp, steps: list[tuple[NDArray[np.intp], NDArray[np.intp]]]) -> list[State]:
        route = [last]
        for states, origins in reversed(steps):
            route.append(origins[np.searchsorted(states, route[-1])])
        return [self._states[state] for state in reversed(route)]

    def _emission(self, char: str) -> NDArray[np.float64]:
        """How probable the character is in each state, `[S]`."""
        return np.array([emissions.get(char, _UNSEEN) for emissions in self._emissions])


class PlaceModel:
    """Words without tags: the states are Begin, Middle, End, Single. Ties fall as in jieba_fast's C code."""

    _BEFORE: Mapping[str, str] = {"B": "ES", "M": "MB", "E": "BM", "S": "SE"}

    def __init__(
        self,
        *,
        start: Mapping[str, float],
        transitions: Mapping[str, Mapping[str, float]],
        emissions: Mapping[str, Mapping[str, float]],
    ) -> None:
        self._start, self._transitions, self._emissions = start, transitions, emissions

    def cut(self, text: str) -> list[str]:
        """The words of a non-empty text."""
        ends = [i + 1 for i, place in enumerate(self._route(text)) if place in "ES"]
        return [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]

    def _route(self, text: str) -> str:
        scores = {place: self._emitted(place, text[0]) + self._start[place] for place in self._BEFORE}
        origins: list[dict[str, str]] = []
        for char in text[1:]:
            steps = {place: self._step(place, char, scores) for place in self._BEFORE}
            scores = {place: score for place, (score, _) in steps.items()}
            origins.append({place: origin for place, (_, origin) in steps.items()})
        route = ["S" if scores["S"] > scores["E"] else "E"]
        for origin in reversed(origins):
            route.append(origin[route[-1]])
        return "".join(reversed(route))

    def _step(self, place: str, char: str, scores: Mapping[str, float]) -> tuple[float, str]:
        emitted = self._emitted(place, char)
        best, origin = _UNSEEN, max(self._BEFORE[place])
        for before in self._BEFORE[place]:
            score = emitted + scores[before] + self._transitions[before].get(place, _UNSEEN)
            if score > best:
                best, origin = score, before
        return best, origin

    def _emitted(self, place: str, char: str) -> float:
        return self._emissions[place].get(char, _UNSEEN)
