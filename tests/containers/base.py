"""A stand-in for `python:3.11-slim` where no registry can be reached: a small Debian with its own Python."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.containers.engine import Docker

IMAGE = "python:3.11-slim"
SUITE = "bookworm"  # the Debian whose Python is 3.11
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
PIP_CACHE_FREE = ("var/cache/apt/archives", "var/lib/apt/lists")


def ensure_base(docker: Docker, work: Path) -> str:
    """How the base image came here: `present`, `pulled` or `made`."""
    if _ok(docker, "image", "inspect", IMAGE):
        return "present"
    if _ok(docker, "pull", IMAGE):
        return "pulled"
    rootfs = work / "rootfs"
    if not (rootfs / "usr/local/bin/python").is_symlink():
        shutil.rmtree(rootfs, ignore_errors=True)
        _debootstrap(rootfs)
        _as_this_machine(rootfs)
        (rootfs / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    with subprocess.Popen(["tar", "-C", str(rootfs), "-c", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(
            ["docker", "import", "--change", "CMD python3", "-", IMAGE],
            stdin=tar.stdout,
            env=docker.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return "made"


def _ok(docker: Docker, *words: str) -> bool:
    asked = subprocess.run(["docker", *words], env=docker.environment, capture_output=True, timeout=120)
    return asked.returncode == 0


def _debootstrap(rootfs: Path) -> None:
    mirror = _mirror()
    words = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(rootfs), mirror]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    for folder in PIP_CACHE_FREE:
        for file in (rootfs / folder).glob("*"):
            file.unlink() if file.is_file() else shutil.rmtree(file)


def _mirror() -> str:
    """The Debian that this machine's apt asks."""
    lists = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    text = "\n".join(path.read_text() for path in lists if path.is_file())
    found = re.search(r"^(?:URIs:\s*|deb\s+(?:\[.*?\]\s+)?)(https?://\S+/debian/?)(?:\s|$)", text, flags=re.M)
    return found[1] if found else "http://deb.debian.org/debian"


def _as_this_machine(rootfs: Path) -> None:
    """pip in the image trusts whom this machine trusts, and looks for torch where this machine's pip does."""
    shutil.copyfile(f"/{CERTIFICATES}", rootfs / CERTIFICATES)
    lines = ["[global]", f"cert = /{CERTIFICATES}"]
    folders = [Path(word) for word in _pip_setting("find-links").split() if Path(word).is_dir()]
    for folder in folders:
        for wheel in folder.glob("torch-*"):
            target = rootfs / folder.relative_to("/") / wheel.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(wheel, target)
    if folders:
        lines.append(f"find-links = {' '.join(map(str, folders))}")
    (rootfs / "etc/pip.conf").write_text("\n".join([*lines, ""]))


def _pip_setting(name: str) -> str:
    if value := os.environ.get(f"PIP_{name.replace('-', '_').upper()}"):
        return value
    words = [sys.executable, "-m", "pip", "config", "get", f"global.{name}"]
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()
