"""What a voice transfer may ask for: a recording, spoken again in another voice."""

from pydantic import AliasChoices, Field

from comps.constants import MAX_TRANSCRIPT_CHARACTERS
from comps.cores.proto.speech import GatewayFields, OptionalText, VoiceFields


class TransferRequest(VoiceFields):
    """The recording is an upload or `source_audio`; `text` is what is said in it."""

    text: str = Field(
        min_length=1, max_length=MAX_TRANSCRIPT_CHARACTERS, description="what is said in the recording"
    )
    source_audio: OptionalText = Field(
        None,
        validation_alias=AliasChoices("source_audio", "source"),
        description="the recording: path inside the audio folder, or a data: URI",
    )


class GatewayTransferRequest(GatewayFields, TransferRequest):
    """A voice transfer, as a job of the gateway."""
