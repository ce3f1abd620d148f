"""`tts say "…"`: a text spoken by a running gateway, into a file or through the loudspeakers."""

import argparse
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from comps.cores.audio.formats import AudioFormat
from comps.cores.proto.jobs import JobState, JobView
from services.tts.client.gateway import GatewayClient, GatewayRefused
from services.tts.client.playing import find_player, playing
from services.tts.client.progress import Progress
from services.tts.client.settings import ClientSettings

DEFAULT_OUTPUT = Path("spoken.wav")
INTERRUPTED = 130
PASSED_ON = ("voice", "language", "speed", "seed", "loudness", "reference_text", "model")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    settings = ClientSettings()
    key = settings.api_key.get_secret_value() if settings.api_key else None
    with GatewayClient(options.url or settings.url, key) as gateway:
        try:
            return int(options.run(options, gateway))
        except GatewayRefused as refusal:
            print(f"tts: {refusal}", file=sys.stderr)
            return 1
        except OSError as error:
            print(f"tts: {error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return INTERRUPTED


def say(options: argparse.Namespace, gateway: GatewayClient) -> int:
    text = sys.stdin.read() if options.text == "-" else options.text
    fields = {name: getattr(options, name) for name in PASSED_ON if getattr(options, name) is not None}
    if options.play:
        return _play(options, gateway, {"text": text, "response_format": AudioFormat.WAV, **fields})
    output = options.output or DEFAULT_OUTPUT
    audio_format = options.format or _format_of(output)
    job = gateway.start({"text": text, "response_format": audio_format, **fields}, options.reference)
    with Progress(is_quiet=options.quiet) as progress:
        try:
            for job in gateway.events(job.job_id):  # noqa: B020 - the same job, as it stands now
                progress.show(job)
        except KeyboardInterrupt:
            gateway.cancel(job.job_id)
            raise
    _check(job)
    gateway.save(job.job_id, output)
    if not options.quiet:
        print(f"{output}: {job.audio_seconds:.1f} s of audio", file=sys.stderr)
    return 0


def voices(options: argparse.Namespace, gateway: GatewayClient) -> int:
    for voice in gateway.voices().voices:
        print(f"{voice.name}\t{voice.seconds:.1f} s\t{voice.text or ''}".rstrip())
    return 0


def _play(options: argparse.Namespace, gateway: GatewayClient, fields: dict[str, Any]) -> int:
    player = find_player()
    if player is None:
        raise GatewayRefused(
            "there is no player here: install alsa-utils, ffmpeg, mpv or sox, or use -o FILE"
        )
    if options.output and _format_of(options.output) is not AudioFormat.WAV:
        raise GatewayRefused("what is played is saved as WAV: name a .wav file, or leave --play out")
    with ExitStack() as stack:
        job_id, audio = stack.enter_context(gateway.stream(fields, options.reference))
        progress = stack.enter_context(Progress(is_quiet=options.quiet))
        threading.Thread(target=_watch, args=(gateway, job_id, progress), daemon=True).start()
        speaker = stack.enter_context(playing(player))
        for data in audio:
            with suppress(BrokenPipeError):  # the player was closed: the file is still wanted
                speaker.write(data)
                speaker.flush()
    if options.output:  # the kept file has the right length in its header
        gateway.save(job_id, options.output)
    return 0


def _watch(gateway: GatewayClient, job_id: str, progress: Progress) -> None:
    with suppress(GatewayRefused):
        for job in gateway.events(job_id):
            progress.show(job)


def _check(job: JobView) -> None:
    if job.state is not JobState.SUCCEEDED:
        problem = job.problem
        raise GatewayRefused(f"{problem.title}: {problem.detail}" if problem else f"the job was {job.state}")


def _format_of(path: Path) -> AudioFormat:
    try:
        return AudioFormat(path.suffix.removeprefix(".").lower())
    except ValueError:
        known = ", ".join(f".{each}" for each in AudioFormat)
        raise GatewayRefused(f"{path.name}: name a file that ends in one of {known}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tts", description="Speak by a running gateway. SOVITS_URL and SOVITS_API_KEY say which."
    )
    parser.add_argument("--url", help="the gateway's address (default: SOVITS_URL, or this machine's)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    speaking = commands.add_parser("say", help="speak a text")
    speaking.set_defaults(run=say)
    speaking.add_argument("text", help="what to say; - reads it from standard input")
    speaking.add_argument("--url", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    who = speaking.add_mutually_exclusive_group()
    who.add_argument("--voice", help="a name from `tts voices`")
    who.add_argument("--reference", type=Path, metavar="CLIP", help="a clip of the voice to clone")
    speaking.add_argument("--reference-text", metavar="TEXT", help="what that clip says")
    speaking.add_argument("-o", "--output", type=Path, metavar="FILE", help=f"default: {DEFAULT_OUTPUT}")
    speaking.add_argument("--format", type=AudioFormat, help="default: by the file's ending")
    speaking.add_argument("--play", action="store_true", help="through the loudspeakers, while it is made")
    speaking.add_argument("--language", help="default: told from the text")
    speaking.add_argument("--model")
    speaking.add_argument("--speed", type=float)
    speaking.add_argument("--seed", type=int)
    speaking.add_argument("--loudness", type=float, metavar="LUFS")
    speaking.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    listing = commands.add_parser("voices", help="the voices that are known there")
    listing.set_defaults(run=voices)
    listing.add_argument("--url", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
