"""Polyphones by g2pW: a BERT that reads each character with several readings from its context.

The model is the official `G2PWModel` folder (`g2pW.onnx`, `POLYPHONIC_CHARS.txt`, `MONOPHONIC_CHARS.txt`,
`bopomofo_to_pinyin_wo_tune_dict.json`, optionally `config.py`); its vocabulary is Chinese BERT's. It reads
traditional characters. Which ones it is asked about, and where it is overruled, equals the reference
implementation. Paper: Chen et al., g2pW: A Conditional Weighted Softmax BERT for Polyphone Disambiguation in
Mandarin, 2022.
"""

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comps.cores.errors import ModelNotReady
from comps.gptsovits.text.zh.corrections import Corrections
from comps.gptsovits.text.zh.readings import DictionaryReader, Reading
from comps.gptsovits.text.zh.syllables import Syllable, parse_syllable
from comps.gptsovits.text.zh.words import Word

CONTEXT_CHARACTERS = 16
"""How far the model sees to the left of the first and to the right of the last polyphone of a sentence."""

MAX_TOKENS = 510
"""BERT's 512 positions less [CLS] and [SEP]."""

# Characters with several readings that the dictionary reads better, and one with one reading that is none.
_NOT_ASKED = frozenset("一不和咋嗲剖差攢倒難奔勁拗肖瘙誒泊听噢")
_NOT_MONOPHONIC = frozenset("似攢")


class G2pwReader:
    """A `Reader` on the model in `folder`; `vocabulary` is a BERT folder, its tokenizer.json or vocab.txt.

    Raises ModelNotReady when a file is missing, ImportError without onnxruntime and opencc (extra `g2pw`).
    """

    def __init__(self, folder: Path, *, vocabulary: Path, dictionary: DictionaryReader) -> None:
        import onnxruntime
        from opencc import OpenCC

        self._to_traditional = OpenCC("s2tw").convert
        self._dictionary = dictionary
        self._corrections = Corrections(dictionary)
        self._token_ids = _read_vocabulary(vocabulary)
        self._use_character_labels, use_mask = _read_config(folder)
        self._bopomofo: dict[str, str] = json.loads(_read(folder, "bopomofo_to_pinyin_wo_tune_dict.json"))
        self._monophonic = {
            char: self._syllable(label)
            for char, label in _pairs(folder, "MONOPHONIC_CHARS.txt")
            if char not in _NOT_MONOPHONIC
        }
        pairs = _pairs(folder, "POLYPHONIC_CHARS.txt")
        names = [f"{char} {label}" if self._use_character_labels else label for char, label in pairs]
        self._labels = sorted(set(names))
        index = {name: i for i, name in enumerate(self._labels)}
        self._chars = {char: i for i, char in enumerate(sorted({char for char, _ in pairs}))}
        self._masks = np.zeros((len(self._chars), len(self._labels)), np.float32)
        for (char, _), name in zip(pairs, names, strict=True):
            self._masks[self._chars[char], index[name]] = 1
        if not use_mask:
            self._masks[:] = 1
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        options.log_severity_level = 3
        model = next((p for name in ("g2pW.onnx", "g2pw.onnx") if (p := folder / name).is_file()), None)
        if model is None:
            raise _missing(folder / "g2pW.onnx")
        self._session: Any = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )

    def read(self, sentence: str, words: Sequence[Word]) -> Iterable[Reading]:
        syllables = self._read_sentence(sentence)
        begin = 0
        for word in words:
            end = begin + len(word.text)
            yield self._corrections.apply(word.text, syllables[begin:end])
            begin = end

    def _read_sentence(self, sentence: str) -> list[Syllable]:
        """A syllable a character: the model's, or the only one there is, or the dictionary's."""
        traditional = self._to_traditional(sentence)
        if len(traditional) != len(sentence):
            traditional = sentence
        syllables = list(self._dictionary.read_text(sentence))
        asked = []
        for i, char in enumerate(traditional):
            if char in self._chars and char not in _NOT_ASKED:
                asked.append(i)
            elif only := self._monophonic.get(char):
                syllables[i] = only
        if asked:
            for i, syllable in zip(asked, self._ask(traditional, asked), strict=True):
                syllables[i] = syllable or syllables[i]
        return syllables

    def _ask(self, sentence: str, asked: Sequence[int]) -> list[Syllable | None]:
        left = max(0, asked[0] - CONTEXT_CHARACTERS)
        text = sentence[left : asked[-1] + CONTEXT_CHARACTERS + 1]
        if len(text) <= MAX_TOKENS:
            return self._predict(text, [i - left for i in asked])
        answers: list[Syllable | None] = []
        for i in asked:  # a window around each, as wide as BERT sees
            begin = min(max(0, i - left - MAX_TOKENS // 2), len(text) - MAX_TOKENS)
            answers += self._predict(text[begin : begin + MAX_TOKENS], [i - left - begin])
        return answers

    def _predict(self, text: str, positions: Sequence[int]) -> list[Syllable | None]:
        unknown = self._token_ids["[UNK]"]
        inner = [self._token_ids.get(char, unknown) for char in text]
        tokens = np.array([self._token_ids["[CLS]"], *inner, self._token_ids["[SEP]"]], np.int64)
        chars = np.array([self._chars[text[position]] for position in positions], np.int64)
        rows: NDArray[np.int64] = np.tile(tokens, (len(positions), 1))  # [queries, tokens]
        (scores,) = self._session.run(
            None,
            {
                "input_ids": rows,
                "token_type_ids": np.zeros_like(rows),
                "attention_mask": np.ones_like(rows),
                "phoneme_mask": self._masks[chars],
                "char_ids": chars,
                "position_ids": np.array(positions, np.int64) + 1,  # [CLS] is the first
            },
        )
        return [self._syllable(self._labels[best].split()[-1]) for best in scores.argmax(axis=1)]

    def _syllable(self, bopomofo: str) -> Syllable | None:
        pinyin = self._bopomofo.get(bopomofo[:-1])
        return parse_syllable(pinyin + bopomofo[-1]) if pinyin else None


def find_model(models: Path) -> tuple[Path, Path] | None:
    """The g2pW folder and its vocabulary below a folder of models, None if one of them is not there.

    Looks where the official archives put them: `G2PWModel` and `chinese-roberta-wwm-ext-large`.
    """
    for folder in (models / "G2PWModel", models / "text" / "G2PWModel"):
        candidates = (folder, models / "chinese-roberta-wwm-ext-large")
        vocabulary = next((path for path in candidates if _vocabulary_file(path)), None)
        if vocabulary and any((folder / name).is_file() for name in ("g2pW.onnx", "g2pw.onnx")):
            return folder, vocabulary
    return None


def _vocabulary_file(path: Path) -> Path | None:
    candidates = (path, path / "tokenizer.json", path / "vocab.txt")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _read_vocabulary(path: Path) -> Mapping[str, int]:
    file = _vocabulary_file(path)
    if file is None:
        raise _missing(path / "tokenizer.json")
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        vocabulary: dict[str, int] = json.loads(text)["model"]["vocab"]
        return vocabulary
    return {token: i for i, token in enumerate(text.splitlines())}


def _read_config(folder: Path) -> tuple[bool, bool]:
    """`use_char_phoneme` and `use_mask` of config.py, which is read as data and never run."""
    values = {"use_char_phoneme": False, "use_mask": True}
    if (folder / "config.py").is_file():
        for node in ast.parse(_read(folder, "config.py")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                values |= {t.id: bool(node.value.value) for t in node.targets if isinstance(t, ast.Name)}
    return values["use_char_phoneme"], values["use_mask"]


def _pairs(folder: Path, name: str) -> list[tuple[str, str]]:
    lines = (line.split("\t") for line in _read(folder, name).splitlines() if line.strip())
    return [(char, label.strip()) for char, label, *_ in lines]


def _read(folder: Path, name: str) -> str:
    if not (folder / name).is_file():
        raise _missing(folder / name)
    return (folder / name).read_text(encoding="utf-8")


def _missing(file: Path) -> ModelNotReady:
    return ModelNotReady(f"g2pW needs {file.name}", missing=str(file))
