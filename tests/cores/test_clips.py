"""The audio folder's clips, and that no link leads out of it."""

from pathlib import Path

from comps.cores.audio.clips import named_clips, transcript_beside


def test_clips_and_transcripts_that_links_lead_out_to_are_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "audio"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("a secret", "utf-8")
    (tmp_path / "secret.wav").write_bytes(b"RIFF")
    (folder / "kept.wav").write_bytes(b"RIFF")
    (folder / "kept.txt").write_text(" what it says\n", "utf-8")
    (folder / "linked.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "open.wav").write_bytes(b"RIFF")
    (folder / "open.txt").symlink_to(tmp_path / "secret.txt")
    assert [clip.name for clip in named_clips(folder)] == ["kept", "open"]
    assert transcript_beside(folder / "kept.wav") == "what it says"
    assert transcript_beside(folder / "open.wav") is None
