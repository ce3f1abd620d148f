"""Files → `Model`: a file in our own form, or an official pair and the encoders it shares with others."""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from comps.cores.errors import CorruptCheckpoint, FileMissing, ModelNotReady
from comps.gptsovits.checkpoints.assets import BASES, VOCODERS, Asset, Assets
from comps.gptsovits.checkpoints.detect import Kind, detect
from comps.gptsovits.checkpoints.load import Part
from comps.gptsovits.checkpoints.own import OwnModel
from comps.gptsovits.checkpoints.parts import Decoder, read_decoder, read_t2s
from comps.gptsovits.checkpoints.reader import open_checkpoint
from comps.gptsovits.checkpoints.shared import SharedParts
from comps.gptsovits.model import Model
from comps.gptsovits.networks.encoders.bert import BertEncoder
from comps.gptsovits.networks.encoders.content import ContentEncoder
from comps.gptsovits.networks.encoders.eres2net import SpeakerEncoder
from comps.gptsovits.networks.t2s.model import T2S
from comps.gptsovits.versions import FACTS, SpectrogramFacts, Version

OWN_FILE = "model.safetensors"


def load_model(
    path: Path,
    *,
    assets: Path | None = None,
    model_id: str | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    shared: SharedParts | None = None,
) -> Model:
    """A model in our own form: its file, or a folder with `model.safetensors`.

    Parts it does not carry (content, speaker and text encoder) are looked for under `assets`.
    Raises `CheckpointError`s, `FileMissing`, or `ModelNotReady` naming what is missing.
    """
    path = Path(path)
    file = path / OWN_FILE if path.is_dir() else path
    found, shared = Assets(assets if assets is not None else file.parent), shared or SharedParts()
    with open_checkpoint(file) as checkpoint:
        version = detect(checkpoint).version(name=file.name)
        own = OwnModel(checkpoint)
        t2s, decoder = own.t2s(), own.decoder()
        content = own.content() if "content" in own else shared.content(path_of(found, Asset.CONTENT))
        speaker = None
        if FACTS[version].has_speaker_vector:
            carried = "speaker" in own
            speaker = own.speaker() if carried else shared.speaker(path_of(found, Asset.SPEAKER))
        ear = own.ear() if "ear" in own else None
        bert, tokenizer = _text_encoder(found, t2s.network.config.bert_dim, shared)
        config = own.config
        provenance = own.provenance
    facts = FACTS[version]
    sample_rate = _integer(config, "sample_rate", facts.sample_rate)
    spectrogram = SpectrogramFacts(
        rate=_integer(config, "spectrogram_rate", facts.spectrogram.rate if facts.flow else sample_rate),
        n_fft=_integer(config, "n_fft", facts.spectrogram.n_fft),
        hop_length=_integer(config, "hop_length", facts.spectrogram.hop_length),
    )
    declared = config.get("languages")
    known = tuple(str(code) for code in declared) if isinstance(declared, list) else facts.languages
    model = Model(
        id=model_id or (path.name if path.is_dir() else _id_of(file)),
        version=version,
        facts=replace(facts, sample_rate=sample_rate, spectrogram=spectrogram, languages=known),
        fingerprint=fingerprint(version, t2s, decoder, content, speaker),
        t2s=t2s.network,
        decoder=decoder.network,
        content=content.network,
        bert=bert,
        tokenizer=tokenizer,
        speaker=speaker.network if speaker is not None else None,
        languages=_speakable(known, has_bert=bert is not None),
        sample_rate=sample_rate,
        spectrogram=spectrogram,
        ear=ear,
        config=config,
        provenance=provenance,
    )
    return model.to(device, dtype)


def load_pair(
    t2s: Path,
    decoder: Path,
    *,
    assets: Path,
    version: Version | None = None,
    model_id: str | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    shared: SharedParts | None = None,
) -> Model:
    """An official pair, `.ckpt` and `.pth`, with the encoders (and vocoder, and LoRA base) under `assets`.

    `version` is asked for where the decoder's file does not tell. Raises `AmbiguousCheckpoint` then, other
    `CheckpointError`s, `FileMissing`, or `ModelNotReady` naming what is missing.
    """
    shared = shared or SharedParts()
    pair = read_pair(t2s, decoder, assets=assets, version=version, shared=shared)
    facts = FACTS[pair.version]
    bert, tokenizer = _text_encoder(Assets(assets), pair.t2s.network.config.bert_dim, shared)
    return Model(
        id=model_id or _id_of(Path(decoder)),
        version=pair.version,
        facts=facts,
        fingerprint=pair.fingerprint,
        t2s=pair.t2s.network,
        decoder=pair.decoder.network,
        content=pair.content.network,
        bert=bert,
        tokenizer=tokenizer,
        speaker=pair.speaker.network if pair.speaker is not None else None,
        languages=_speakable(facts.languages, has_bert=bert is not None),
        sample_rate=facts.sample_rate,
        spectrogram=facts.spectrogram,
        config=own_config(pair),
        provenance={"t2s": Path(t2s).name, "decoder": Path(decoder).name},
    ).to(device, dtype)


@dataclass(frozen=True)
class Pair:
    """The parts of an official pair, loaded."""

    version: Version
    t2s: Part[T2S]
    decoder: Part[Decoder]
    content: Part[ContentEncoder]
    speaker: Part[SpeakerEncoder] | None

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.version, self.t2s, self.decoder, self.content, self.speaker)


def read_pair(
    t2s: Path,
    decoder: Path,
    *,
    assets: Path,
    version: Version | None = None,
    shared: SharedParts | None = None,
) -> Pair:
    """As `load_pair`, but as parts, and without the text encoder."""
    found, shared = Assets(assets), shared or SharedParts()
    with open_checkpoint(decoder) as checkpoint:
        detected = detect(checkpoint)
        version = detected.version(version, name=Path(decoder).name)
    # What is missing is cheaper to say before anything is loaded.
    vocoder_path = path_of(found, VOCODERS[version]) if version in VOCODERS else None
    base = path_of(found, BASES[version]) if detected.kind is Kind.LORA else None
    content_path = path_of(found, Asset.CONTENT)
    speaker_path = path_of(found, Asset.SPEAKER) if FACTS[version].has_speaker_vector else None
    vocoder = shared.vocoder(vocoder_path) if vocoder_path is not None else None
    decoder_part = read_decoder(Path(decoder), version=version, vocoder=vocoder, base=base)
    t2s_part = read_t2s(Path(t2s))
    _check_symbols(t2s_part.network.config.n_symbols, decoder_part.network.config.prior.n_symbols)
    return Pair(
        version,
        t2s_part,
        decoder_part,
        shared.content(content_path),
        shared.speaker(speaker_path) if speaker_path is not None else None,
    )


def own_config(pair: Pair) -> dict[str, Any]:
    """The config as our own form keeps it."""
    facts = FACTS[pair.version]
    config = {
        "version": str(pair.version),
        "t2s": asdict(pair.t2s.network.config),
        "decoder": asdict(pair.decoder.network.config),
        "content": pair.content.network.model.config.to_diff_dict(),
        "sample_rate": facts.sample_rate,
        "spectrogram_rate": facts.spectrogram.rate,
        "n_fft": facts.spectrogram.n_fft,
        "hop_length": facts.spectrogram.hop_length,
        "languages": list(facts.languages),
    }
    return config | ({"speaker": asdict(pair.speaker.network.config)} if pair.speaker is not None else {})


def fingerprint(version: Version, *parts: Part[Any] | None) -> str:
    """64 hexadecimal digits. BERT has no share in it: with or without it, a voice's tensors fit."""
    digests = [part.digest if part is not None else "" for part in parts]
    return hashlib.sha256("|".join([str(version), *digests]).encode()).hexdigest()


def path_of(assets: Assets, asset: Asset) -> Path:
    """Where `asset` is. Raises `ModelNotReady` naming the official path if it is nowhere."""
    path = assets.find(asset)
    if path is None:
        missing = assets.official(asset)
        raise ModelNotReady(f"the {asset} is missing: {missing}", missing=missing)
    return path


def _text_encoder(
    assets: Assets, bert_dim: int, shared: SharedParts
) -> tuple[BertEncoder | None, Tokenizer | None]:
    """The BERT, if there is one of the width that T2S takes."""
    path = assets.find(Asset.TEXT)
    if path is None or not (path / "tokenizer.json").is_file():
        return None, None
    bert = shared.bert(path).network
    if bert.dim != bert_dim:
        return None, None
    try:
        # The library raises plain Exception for a file it cannot read.
        return bert, Tokenizer.from_file(str(path / "tokenizer.json"))
    except Exception as error:
        raise CorruptCheckpoint(f"{path.name}/tokenizer.json cannot be read: {error}") from None


def _speakable(languages: tuple[str, ...], *, has_bert: bool) -> tuple[str, ...]:
    """Without BERT, Chinese loses its intonation, so it is not offered then."""
    return languages if has_bert else tuple(code for code in languages if code != "zh")


# Symbols of the T2S network and the decoder of one inventory.
_V1_T2S_SYMBOLS, _V1_DECODER_SYMBOLS = 512, 322


def _check_symbols(t2s: int, decoder: int) -> None:
    if (t2s == _V1_T2S_SYMBOLS) != (decoder == _V1_DECODER_SYMBOLS):
        raise CorruptCheckpoint(
            f"the two files are no pair: T2S knows {t2s} symbols, the decoder {decoder}; "
            "a v1 file goes with v1 files only"
        )


def _integer(config: dict[str, Any], name: str, otherwise: int) -> int:
    value = config.get(name, otherwise)
    if type(value) is not int or not 0 < value < 1 << 20:
        raise CorruptCheckpoint(f"the model's config says {name} = {value!r}")
    return value


def _id_of(path: Path) -> str:
    if not path.name:
        raise FileMissing("a model needs a file")
    return path.stem
