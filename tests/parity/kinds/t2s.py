"""The text-to-semantic transformer: logits, the sampler's arithmetic, and whole greedy decodings."""

import re
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from comps.gptsovits.checkpoints.parts import load_t2s
from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.request import SpeechOptions
from comps.gptsovits.engine.sampling import History, Sampler
from comps.gptsovits.networks.t2s import KVCache
from tests.parity.case import Case
from tests.parity.kinds.kind import Kind, output

# The reference implementation gives up after so many tokens.
MAX_TOKENS = 1500
# During the first steps it cuts the end token's column off the logits.
STEPS_WITHOUT_END = 11
DEFAULT_PENALTY = "135"


@dataclass(frozen=True)
class Decoding:
    """What one greedy decoding went through."""

    logits: list[Tensor]  # [V] at each step
    tokens: list[int]  # every token drawn, the end included
    ended: bool  # by the end token rather than by the limit

    @property
    def last_step(self) -> int:
        return len(self.tokens) - 1


class TextToSemantic(Kind):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        if case.manifest is None:
            self.model = load_t2s(case.container, config=case.config.get("upstream_config"))
        else:
            self.model = load_t2s(case.rebuilt_weights(), config=case.config["manifest"])
        self._decoded: dict[tuple[bool, str, int], Decoding] = {}

    # ── logits ──────────────────────────────────────────────────────────────────────────────────────────────

    @output(r"forced_logits")
    def forced(self) -> Tensor:
        # The forced tokens follow the prompt; row k of what is stored predicts forced token k.
        tokens = torch.cat([self.inputs["prompt"], self.inputs["forced"]], 1)
        logits = self.model(self.inputs["phones"], self.inputs["bert"].transpose(1, 2), tokens)
        return logits[0, self.inputs["prompt"].shape[1] :]

    @output(r"(?P<unprompted>noprompt_)?first_logits")
    def first_logits(self, unprompted: str | None) -> Tensor:
        decoding = self._greedy(prompted=unprompted is None)
        return self._as_stored(decoding, 0)

    @output(r"step(?P<step>\d+)_logits")
    @output(r"logits_step(?P<step>\d+)")
    def later_logits(self, step: str) -> Tensor:
        return self._as_stored(self._greedy(prompted=True), int(step))

    @output(r"batch_first_logits")
    def batch_first_logits(self) -> Tensor:
        return torch.stack([self._as_stored(decoding, 0) for decoding in self._batch])

    def _as_stored(self, decoding: Decoding, step: int) -> Tensor:
        logits = decoding.logits[step]
        return logits[:-1] if step < STEPS_WITHOUT_END else logits

    # ── whole decodings ─────────────────────────────────────────────────────────────────────────────────────

    @output(r"greedy(?P<penalty>)")
    @output(r"greedy_rp(?P<penalty>\d+)")
    def greedy(self, penalty: str) -> Tensor:
        return self._with_prompt(self._greedy(prompted=True, penalty=penalty or DEFAULT_PENALTY))

    @output(r"(?P<penalty>)idx")
    @output(r"greedy_rp(?P<penalty>\d+)_idx")
    def greedy_index(self, penalty: str) -> Tensor:
        decoding = self._greedy(prompted=True, penalty=penalty or DEFAULT_PENALTY)
        return self._index(decoding, "idx" if not penalty else f"greedy_rp{penalty}_idx")

    @output(r"greedy_rp(?P<penalty>\d+)_pred")
    def greedy_taken(self, penalty: str) -> Tensor:
        # The caller takes y[-idx:], which loses the first new token when the limit ended the decoding.
        decoding = self._greedy(prompted=True, penalty=penalty)
        return self._with_prompt(decoding)[:, -decoding.last_step :]

    @output(r"greedy_noprompt")
    def greedy_unprompted(self) -> Tensor:
        return torch.tensor([_kept(self._greedy(prompted=False))])

    @output(r"greedy_noprompt_idx")
    def greedy_unprompted_index(self) -> Tensor:
        # Without a prompt the reference implementation reports 0, and its caller takes y[-0:]: everything.
        return torch.tensor(0)

    @output(r"eos_y")
    def ended(self) -> Tensor:
        return self._with_prompt(self._ending)

    @output(r"eos_idx")
    def ended_index(self) -> Tensor:
        return self._index(self._ending, "eos_idx")

    @cached_property
    def _ending(self) -> Decoding:
        """Decoded with another row for the end token in the head, so that the end comes soon."""
        head = self.model.head
        weight = head.weight.detach().clone()
        weight[-1] = self.inputs["eos_row"]
        self.model.head = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        self.model.head.weight = nn.Parameter(weight, requires_grad=False)
        try:
            return self._decode(self.inputs["phones"][0], self.inputs["bert"][0], self.inputs["prompt"][0])
        finally:
            self.model.head = head

    def _greedy(self, *, prompted: bool, penalty: str = DEFAULT_PENALTY) -> Decoding:
        key = (prompted, penalty, self._limit("greedy"))
        if key not in self._decoded:
            prompt = self.inputs["prompt"][0] if prompted else torch.zeros(0, dtype=torch.long)
            self._decoded[key] = self._decode(
                self.inputs["phones"][0], self.inputs["bert"][0], prompt, penalty=penalty
            )
        return self._decoded[key]

    def _with_prompt(self, decoding: Decoding) -> Tensor:
        return torch.cat([self.inputs["prompt"], torch.tensor([_kept(decoding)], dtype=torch.long)], 1)

    def _index(self, decoding: Decoding, name: str) -> Tensor:
        # Counted from 0: one less than the tokens drawn. After an end that is right, for the end is not kept.
        return torch.full(self.case.outputs[name].shape, decoding.last_step)

    # ── batches ─────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _batch(self) -> list[Decoding]:
        """Each text on its own: the reference implementation pads them at the left, which changes nothing."""
        n_texts = sum(name.startswith("batch_phones_") for name in self.inputs)
        prompt, limit = self.inputs["prompt"][0], self._limit("batch")
        return [
            self._decode(
                self.inputs[f"batch_phones_{i}"], self.inputs[f"batch_bert_{i}"], prompt, limit=limit
            )
            for i in range(n_texts)
        ]

    @output(r"batch_idx")
    def batch_indices(self) -> Tensor:
        return torch.tensor([decoding.last_step for decoding in self._batch])

    @output(r"batch_y_(?P<row>\d+)")
    def batch_row(self, row: str) -> Tensor:
        return self._batch_row(int(row))

    @output(r"batch_pred_(?P<row>\d+)")
    def batch_taken(self, row: str) -> Tensor:
        return self._batch_row(int(row))[-self._batch[int(row)].last_step :]

    def _batch_row(self, row: int) -> Tensor:
        # Here the last token drawn is dropped even when the limit ended the decoding and it is no end.
        tokens = torch.tensor(self._batch[row].tokens[:-1], dtype=torch.long)
        return torch.cat([self.inputs["prompt"][0], tokens])

    # ── the sampler alone ───────────────────────────────────────────────────────────────────────────────────

    @output(r"samp_probs_(?P<case>\d+)")
    def probabilities(self, case: str) -> Tensor:
        sampler = self._samplers[int(case)]
        rows = zip(self.inputs["samp_logits"], self.inputs["samp_prev"], strict=True)
        return torch.stack([_probabilities(sampler, logits, previous) for logits, previous in rows])

    @output(r"samp_tok_(?P<case>\d+)")
    def sampled(self, case: str) -> Tensor:
        return (self.probabilities(case) / self.inputs["samp_q"]).argmax(-1)

    @cached_property
    def _samplers(self) -> list[Sampler]:
        number = r"\s*([\d.]+)\s*"
        cases = re.findall(rf"\[{number},{number},{number},{number}\]", self.case.config["sampler_cases"])
        return [
            Sampler.of(
                SpeechOptions(
                    top_k=int(k), top_p=float(p), temperature=float(t), repetition_penalty=float(penalty)
                ),
                self.model.config.end_token,
            )
            for k, p, t, penalty in cases
        ]

    # ── decoding ────────────────────────────────────────────────────────────────────────────────────────────

    def _decode(
        self,
        phonemes: Tensor,
        bert: Tensor,
        prompt: Tensor,
        *,
        penalty: str = DEFAULT_PENALTY,
        limit: int | None = None,
    ) -> Decoding:
        limit = self._limit("greedy") if limit is None else limit
        config = self.model.config
        options = SpeechOptions(top_k=1, repetition_penalty=float(f"{penalty[0]}.{penalty[1:]}0"))
        sampler, history = Sampler.of(options, config.end_token), History.of_prompt(prompt, config.vocab_size)
        cache = KVCache(config, 1, len(phonemes) + len(prompt) + limit + 1)
        noise, rows = Noise(0), torch.zeros(1, dtype=torch.long)

        steps = [self.model.prefill(phonemes, bert.T, prompt, cache, 0)]
        tokens: list[int] = []
        while True:
            drawn = sampler.draw(steps[-1], history, noise)
            tokens.append(drawn.token)
            history.append(drawn.token)
            if drawn.is_end or len(tokens) > limit or len(tokens) == MAX_TOKENS:
                return Decoding(steps, tokens, drawn.is_end)
            steps.append(self.model.step(torch.tensor([drawn.token]), cache, rows)[0])

    def _limit(self, what: str) -> int:
        """After more tokens than this the decoding was stopped, whether or not the model was done."""
        limits = self.case.config.get("early_stop_num")
        if isinstance(limits, dict):
            return int(limits[what])
        noted = re.search(r"early_stop\w*[ =]+(\d+)", str(self.case.config.get("notes", "")))
        return int(noted[1]) if noted else MAX_TOKENS


def _kept(decoding: Decoding) -> list[int]:
    return decoding.tokens[:-1] if decoding.ended else decoding.tokens


def _probabilities(sampler: Sampler, logits: Tensor, previous: Tensor) -> Tensor:
    history = History.of_prompt(previous, len(logits))
    history.n_new = MAX_TOKENS  # long enough that the end is no longer forbidden
    for change in (*sampler.adjust, *sampler.narrow):
        logits = change(logits, history)
    return logits.softmax(-1)
