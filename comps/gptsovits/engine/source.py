"""Source: a recording to be spoken again, as the content encoder hears it. No torch."""

from dataclasses import dataclass

from comps.cores.audio.waveform import Samples


@dataclass(frozen=True, eq=False)
class Source:
    """`samples [n_tokens · samples_per_token + margin]`: the margin is what the last frame looks beyond."""

    samples: Samples
    n_tokens: int
    samples_per_token: int

    def between(self, start: int, stop: int, margin: int) -> Samples:
        """What the tokens from `start` to before `stop` are made of."""
        return self.samples[start * self.samples_per_token : stop * self.samples_per_token + margin]
