"""One attempt at a job: what the inference service says, encoded, kept, and given to who listens."""

from contextlib import aclosing
from pathlib import Path

from comps.cores.audio.encoding import Encoder, from_int16
from comps.cores.proto.frames import FrameWithAudio
from comps.cores.web.streaming import encode_aside, finish_aside
from services.tts.jobs.files import OutputFile, file_name
from services.tts.jobs.run import JobRun
from services.tts.jobs.work import Started, Work
from services.tts.subtitles import Timeline

BYTES_A_SAMPLE = 2


async def attempt(run: JobRun, work: Work, folder: Path) -> None:
    """Do the run's work. Its file is complete then, and not yet placed.

    What goes wrong is raised, and leaves no file.
    """
    record = run.record
    output = run.output = OutputFile(folder, file_name(record), owner=record.owner)
    encoder: Encoder | None = None
    timeline = Timeline()
    try:
        async with aclosing(work.frames()) as events:
            async for event in events:
                if isinstance(event, Started):
                    encoder = work.encoder(event.sample_rate)
                    _note_start(run, event, encoder)
                elif encoder is not None:
                    timeline.add(event.frame.segment, event.frame.text, event.audio)
                    await _take(run, event, encoder, output)
        if encoder is not None:
            await _put(run, await finish_aside(encoder), output)
            run.rewrites = encoder.rewrites
        output.complete(run.rewrites)
    except BaseException:
        output.discard()
        raise
    run.cues = timeline.cues(run.started.sample_rate) if run.started else []


async def _take(run: JobRun, found: FrameWithAudio, encoder: Encoder, output: OutputFile) -> None:
    frame, record = found.frame, run.record
    if frame.end:
        record.warnings.extend(frame.warnings)
        return
    if found.audio:
        samples = from_int16(found.audio)
        await _put(run, await encode_aside(encoder, samples), output)
        assert run.started is not None
        record.audio_seconds += len(found.audio) / BYTES_A_SAMPLE / run.started.sample_rate
    done = frame.segment + frame.is_final  # a segment's first audio says that those before it are done
    if done > record.segments_done:
        record.segments_done = done
        run.changed()


async def _put(run: JobRun, data: bytes, output: OutputFile) -> None:
    await run.deliver(data)  # whoever listens first, then the disk
    output.write(data)


def _note_start(run: JobRun, started: Started, encoder: Encoder) -> None:
    record = run.record
    run.started, run.output_rate = started, encoder.rate
    record.speaker_id, record.cache = started.speaker_id, started.cache
    record.seed, record.sample_rate = started.seed, encoder.rate
    record.segments_total = started.segments_total
    record.warnings = list(started.warnings)
    run.changed()
