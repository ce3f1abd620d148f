"""Numbers and names that both services and their clients must agree on."""

from typing import Final

GPTSOVITS_PORT: Final = 9880
GATEWAY_PORT: Final = 8001
LOOPBACK: Final = "127.0.0.1"

MIB: Final = 1024 * 1024
MAX_BODY_BYTES: Final = 32 * MIB
MAX_TEXT_CHARACTERS: Final = 20_000
MAX_TRANSCRIPT_CHARACTERS: Final = 2_000
MIN_CLIP_SECONDS: Final = 0.5
MAX_CLIP_SECONDS: Final = 60.0
QUEUE_CAPACITY: Final = 32
DEADLINE_SECONDS: Final = 300.0
JOBS_KEPT_HOURS: Final = 24.0
JOBS_KEPT: Final = 1_000
PROFILE_CACHE_BYTES: Final = 256 * MIB

# Where the audio folder is in a container; clients may send this prefix whatever the host calls the folder.
CONTAINER_AUDIO_ROOT: Final = "/app/audio"

REQUEST_ID_HEADER: Final = "X-Request-Id"
JOB_ID_HEADER: Final = "X-Job-Id"
SPEAKER_ID_HEADER: Final = "X-Speaker-Id"
SPEAKER_CACHE_HEADER: Final = "X-Speaker-Cache"
SAMPLE_RATE_HEADER: Final = "X-Sample-Rate"
SEED_HEADER: Final = "X-Seed"
SEGMENTS_HEADER: Final = "X-Segments"
REPLAYED_HEADER: Final = "Idempotent-Replayed"
WARNINGS_HEADER: Final = "X-Warnings"
