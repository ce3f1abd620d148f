import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from comps.cores.settings.telling import Settings, changed, complaints, help_text, strangers, variables
from services.gptsovits.settings import GptSovitsSettings
from services.tts.settings import GatewaySettings

ROOT = Path(__file__).resolve().parents[3]
BOTH = pytest.mark.parametrize("kind", [GptSovitsSettings, GatewaySettings])


def run(module: str, *options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@BOTH
def test_every_setting_says_what_it_is_for(kind: Settings) -> None:
    assert [row.name for row in variables(kind) if not row.description] == []


@BOTH
def test_no_two_settings_share_a_variable(kind: Settings) -> None:
    names = [name for row in variables(kind) for name in row.names]
    assert len(names) == len(set(names))


@BOTH
def test_each_variable_sets_its_setting(kind: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    by_type = {bool: "true", int: "4096", float: "30.5", type(None): "1"}
    by_field = {
        "log_level": "ERROR",
        "dtype": "float16",
        "precision": "exact",
        "compiled": "false",
        "otel_endpoint": "http://h",
        "database_url": "sqlite:///x",
        "max_bodies_bytes": str(2**40),
        "gptsovits_url": "http://h",
    }
    for row in variables(kind):
        default = kind.model_fields[row.field].default
        value = by_field.get(row.field) or by_type.get(type(default), "something")
        for name in row.names:
            with monkeypatch.context() as environment:
                if row.field in ("t2s_path", "decoder_path"):  # only as a pair
                    environment.setenv("GPTSOVITS_T2S_PATH", value)
                    environment.setenv("GPTSOVITS_DECODER_PATH", value)
                environment.setenv(name, value)
                assert getattr(kind(_env_file=None), row.field) != default, name


def test_the_readmes_table_is_what_the_classes_say() -> None:
    done = run_script("bin/update_readme.py", "--check")
    assert done.returncode == 0, done.stderr


def run_script(script: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / script), *options], capture_output=True, text=True, timeout=60
    )


@BOTH
def test_help_shows_every_setting(kind: Settings) -> None:
    text = help_text(kind)
    for row in variables(kind):
        assert re.search(rf"^  {row.name} ", text, re.M)


@pytest.mark.parametrize(
    ("module", "kind"),
    [("services.gptsovits.main", GptSovitsSettings), ("services.tts.main", GatewaySettings)],
)
def test_the_commands_show_their_settings_even_if_those_are_wrong(module: str, kind: Settings) -> None:
    prefix = kind.model_config["env_prefix"]
    done = run(module, "--help", **{f"{prefix}PORT": "not a number"})
    assert done.returncode == 0
    assert help_text(kind) in done.stdout


@pytest.mark.parametrize("module", ["services.gptsovits.main", "services.tts.main"])
def test_a_start_with_wrong_settings_names_each_variable_and_ends(module: str) -> None:
    prefix = {"services.gptsovits.main": "GPTSOVITS_", "services.tts.main": "TTS_"}[module]
    wrong = {
        f"{prefix}PORT": "99999",
        f"{prefix}MAX_BODY_BYTES": "many",
        f"{prefix}ALLOW_ANONYMOUS": "perhaps",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318",
    }
    done = run(module, **wrong)
    assert done.returncode == 78
    for name in wrong:
        assert re.search(rf"^{name}: ", done.stderr, re.M), done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_contradict_each_other_name_both_variables() -> None:
    for kind, fields, names in [
        (GatewaySettings, {"min_clip_seconds": 61}, ("TTS_MIN_CLIP_SECONDS", "TTS_MAX_CLIP_SECONDS")),
        (
            GptSovitsSettings,
            {"max_bodies_bytes": 2048},
            ("GPTSOVITS_MAX_BODIES_BYTES", "GPTSOVITS_MAX_BODY_BYTES"),
        ),
        (GptSovitsSettings, {"t2s_path": "x.ckpt"}, ("GPTSOVITS_T2S_PATH", "GPTSOVITS_DECODER_PATH")),
    ]:
        with pytest.raises(ValidationError) as caught:
            kind(_env_file=None, **fields)  # type: ignore[arg-type]
        (line,) = complaints(caught.value, kind)
        assert all(name in line for name in names)


def test_an_alias_is_named_as_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTS_ENDPOINT", "nowhere")
    with pytest.raises(ValidationError) as caught:
        GatewaySettings(_env_file=None)
    (line,) = complaints(caught.value, GatewaySettings)
    assert re.match(r"(TTS_ENDPOINT|GPT_SOVITS_URL): ", line)


def test_lists_are_separated_by_commas_or_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTS_CORS_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("TTS_REFERENCE_HOSTS", "")
    settings = GatewaySettings(_env_file=None)
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.reference_hosts == ()


def test_a_dotenv_file_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("TTS_PORT=1234\nTTS_JOBS_KEPT=7\nOTHER=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTS_PORT", "4321")
    settings = GatewaySettings()
    assert (settings.port, settings.jobs_kept) == (4321, 7)


def test_a_misspelt_variable_is_told_with_what_was_meant() -> None:
    given = {"TTS_MAX_JOBS_RUNING": "3", "TTS_SERVICE_HOST": "10.0.0.1", "TTS_PORT": "1", "HOME": "/"}
    assert list(strangers(GatewaySettings, given)) == [
        "TTS_MAX_JOBS_RUNING is no setting; did you mean TTS_MAX_JOBS_RUNNING?"
    ]


SECRET = "svs_a-very-secret-word"


def test_secrets_are_told_neither_by_errors_nor_by_logs() -> None:
    settings = GatewaySettings(
        gptsovits_key=SECRET, database_url=f"postgresql+asyncpg://u:{SECRET}@h/db", port=1, _env_file=None
    )
    told = changed(settings)
    assert told["GPT_SOVITS_KEY"] == told["TTS_DATABASE_URL"] == "(set)"
    assert told["TTS_PORT"] == "1"
    assert SECRET not in f"{told}{settings}{settings!r}"
    with pytest.raises(ValidationError) as caught:
        GatewaySettings(gptsovits_key=[SECRET], _env_file=None)
    assert SECRET not in "".join(complaints(caught.value, GatewaySettings))


def test_a_wrong_list_of_keys_is_named_without_being_shown() -> None:
    done = run("services.tts.main", TTS_API_KEYS=f'[{{"name": "a", "sha256": "{SECRET}"}}]', OUTPUT_PATH="/x")
    assert done.returncode == 78
    assert "TTS_API_KEYS" in done.stderr
    assert SECRET not in done.stderr
