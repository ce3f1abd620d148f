"""Clips of jobs that have not run yet, kept so that a restart does not lose them."""

import json
from pathlib import Path

from services.tts.references import Reference


class Uploads:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, job_id: str, reference: Reference) -> list[str]:
        """The names under which the job's clips, and what is known of them, are kept."""
        self._folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "text": reference.text,
            "language": reference.language,
            "pronunciations": dict(reference.pronunciations),
        }
        names = [f"{job_id}.json"]
        (self._folder / names[0]).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        for index, data in enumerate((reference.clip, *reference.aux)):
            name = f"{job_id}-{index}.clip"
            (self._folder / name).write_bytes(data)
            names.append(name)
        return names

    def load(self, names: list[str]) -> Reference | None:
        """None for a job that named a speaker id instead of clips. Raises `OSError` or `ValueError`."""
        if not names:
            return None
        facts = json.loads((self._folder / names[0]).read_text(encoding="utf-8"))
        clip, *aux = ((self._folder / name).read_bytes() for name in names[1:])
        said = facts.get("pronunciations", {})  # a job of an earlier version has none
        return Reference(clip, tuple(aux), facts["text"], facts["language"], said)

    def drop(self, names: list[str]) -> None:
        for name in names:
            (self._folder / name).unlink(missing_ok=True)
