"""The three encoders of reference clips and text: content features, BERT features, speaker vectors."""

import torch
from torch import Tensor
from torch.nn import functional as F

from comps.gptsovits.checkpoints.parts import load_bert, load_content, load_speaker
from comps.gptsovits.checkpoints.reader import open_checkpoint
from comps.gptsovits.dsp.fbank import filter_bank
from comps.gptsovits.networks.encoders.bert import phoneme_features
from tests.parity.case import Case
from tests.parity.kinds.kind import Kind, output


class Content(Kind):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        if case.manifest is None:
            self.encoder = load_content(case.container, config=case.config["config"])
        else:
            self.encoder = load_content(case.rebuilt_weights(), config=case.config["manifest"])

    @output(r"last_hidden")
    def features(self) -> Tensor:
        return self.encoder(self.inputs["wav16k"]).transpose(1, 2)


class Bert(Kind):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        if case.manifest is None:
            self.encoder = load_bert(case.container, config=case.config["config"])
        else:
            weights = case.rebuilt_weights(skip=["cls."])
            self.encoder = load_bert(weights, config=case.config["manifest"])

    @output(r"hidden(_m3)?")
    def features(self) -> Tensor:
        return self.encoder(self.inputs["input_ids"])

    @output(r"phone_feature")
    def phoneme_features(self) -> Tensor:
        return phoneme_features(self.features()[0], self.inputs["word2ph"]).T


class Speaker(Kind):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.encoder = load_speaker(case.container if case.manifest is None else case.rebuilt_weights())

    @output(r"fbank")
    def filter_banks(self) -> Tensor:
        return filter_bank(self.inputs["wav16k"])

    @output(r"emb")
    def vector(self) -> Tensor:
        return self.encoder(self.filter_banks())

    @output(r"emb_forward_\d+")
    def classifier_vector(self) -> Tensor:
        # By the projection that the network was trained with: no decoder uses it, so the product drops it.
        fused = self.encoder.fused(self.filter_banks())
        deviation = (fused.var(-1) + 1e-8).sqrt()
        statistics = torch.cat([fused.mean(-1).flatten(1), deviation.flatten(1)], 1)
        return F.linear(statistics, self._stored("seg_1.weight"), self._stored("seg_1.bias"))

    def _stored(self, name: str) -> Tensor:
        if self.case.manifest is not None:
            return self.case.rebuilt_weights()[name]
        with open_checkpoint(self.case.container) as checkpoint:
            return checkpoint.read(name).float()
