"""Every setting of the GPT-SoVITS service, from the environment or `.env`; checked at start."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import SettingsConfigDict

from comps.constants import GPTSOVITS_PORT, PROFILE_CACHE_BYTES, QUEUE_CAPACITY
from comps.cores.settings.base import ServiceSettings


class GptSovitsSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="GPTSOVITS_")

    port: int = Field(
        default=GPTSOVITS_PORT, ge=0, le=65_535, description="port to listen on; 0 takes a free one"
    )
    model_path: Path = Field(
        default=Path("models/starter"),
        validation_alias=AliasChoices("MODEL_PATH", "GPTSOVITS_MODEL_PATH"),
        description="file or folder of the model, or a folder of several",
    )
    model: str | None = Field(
        default=None, description="which model, in a folder of several; the first complete one if not given"
    )
    audio_path: Path = Field(
        default=Path("audio"),
        validation_alias=AliasChoices("AUDIO_PATH", "GPTSOVITS_AUDIO_PATH"),
        description="the only folder that requests may name clips in; uploaded voices live in it too",
    )
    max_models_bytes: int | None = Field(
        default=8 << 30,
        ge=0,
        description="weights held together, of all models that requests name; the least used are let go",
    )
    t2s_path: Path | None = Field(
        default=None, description="T2S file of an official pair, instead of a model"
    )
    decoder_path: Path | None = Field(default=None, description="decoder file of that pair")
    assets_path: Path | None = Field(
        default=None, description="folder of what models share (encoders, vocoders)"
    )
    device: str = Field(default="auto", description="`cpu`, `cuda`, `cuda:1` …")
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        default="auto", description="`float32`, `float16`, `bfloat16`"
    )
    precision: Literal["auto", "exact", "bf16", "int8"] = Field(
        default="auto",
        description="`auto` is what a CPU gains from, `exact` float32 throughout on it; on a GPU `exact` is"
        " one way of computing, alone and in company",
    )
    compiled: bool = Field(
        default=True,
        description="decode by compiled code, where there is any or a compiler to make it",
    )
    threads: int | None = Field(
        default=None, ge=1, description="CPU threads; as many as are fast if not given"
    )
    queue_capacity: int = Field(default=QUEUE_CAPACITY, ge=1, description="requests that may wait")
    max_running: int = Field(default=16, ge=1, description="segments decoded at once")
    speaker_cache_bytes: int = Field(
        default=PROFILE_CACHE_BYTES, ge=0, description="speaker profiles held in memory"
    )

    @model_validator(mode="after")
    def _a_pair_is_complete(self) -> "GptSovitsSettings":
        if (self.t2s_path is None) != (self.decoder_path is None):
            raise ValueError("GPTSOVITS_T2S_PATH and GPTSOVITS_DECODER_PATH make a pair: set both or neither")
        return self


def environment() -> Mapping[str, str]:
    return os.environ
