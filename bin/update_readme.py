"""Write the table of settings into the README, from the classes that read them. `--check` only compares."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from comps.cores.settings.telling import markdown  # noqa: E402
from services.gptsovits.settings import GptSovitsSettings  # noqa: E402
from services.tts.settings import GatewaySettings  # noqa: E402

BETWEEN_MARKS = re.compile(r"(<!-- settings -->\n).*?(\n<!-- end of settings -->)", re.S)


def updated(readme: str) -> str:
    """The README with the table as it should be."""
    table = markdown([GptSovitsSettings, GatewaySettings])
    text, n_places = BETWEEN_MARKS.subn(lambda marks: f"{marks[1]}{table}{marks[2]}", readme)
    if n_places != 1:
        raise SystemExit(
            "the README has no place for the table: <!-- settings --> … <!-- end of settings -->"
        )
    return text


def main() -> None:
    path = ROOT / "README.md"
    before = path.read_text(encoding="utf-8")
    after = updated(before)
    if "--check" in sys.argv:
        sys.exit(
            before != after and "the README's settings are not those of the classes: bin/update_readme.py"
        )
    path.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
