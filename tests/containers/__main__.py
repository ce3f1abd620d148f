"""Build both images, start them by docker-compose.yml, and check what they promise."""

import argparse
import socket
import sys
import tempfile
import time
from pathlib import Path

from tests.containers import checks
from tests.containers.base import ensure_base
from tests.containers.engine import Docker, docker_engine

WORK = Path(tempfile.gettempdir()) / "sovits-serve-containers"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.containers", description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK, help="folder of an engine of our own")
    parser.add_argument("--extras", default="", help="languages to build in too, in an image of their own")
    parser.add_argument("--keep", action="store_true", help="leave the images and volumes")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    with docker_engine(options.work) as docker:
        print(f"engine {docker('version', '--format', '{{.Server.Version}}')}")
        began = time.monotonic()
        print(f"base image {ensure_base(docker, options.work)} in {time.monotonic() - began:.0f} s")
        _prove(docker, keep=options.keep)
        if options.extras:
            _prove_extras(docker, options.extras)
    print("all container checks passed")
    return 0


def _prove(docker: Docker, *, keep: bool) -> None:
    port = _free_port()
    here = checks.Containers(docker, f"http://127.0.0.1:{port}", {"TTS_PUBLISHED": f"127.0.0.1:{port}"})
    began = time.monotonic()
    here.compose("build")
    print(f"both images built in {time.monotonic() - began:.0f} s")
    checks.images(docker)
    try:
        began = time.monotonic()
        here.compose("up", "--detach", "--wait", "--no-build")
        print(f"both healthy after {time.monotonic() - began:.1f} s")
        checks.health_gates_the_start(here)
        job_id = checks.speech(here)
        checks.compiled_code(here)
        checks.user_and_files(here, job_id)
        checks.volumes_outlive_containers(here, job_id)
        checks.a_killed_server_comes_back(here)
        checks.speech(here)
        checks.a_stop_is_heard(here)
    except BaseException:
        print(here.compose("logs", "--tail", "30"), file=sys.stderr)
        raise
    finally:
        here.compose("down", *([] if keep else ["--volumes"]))


def _prove_extras(docker: Docker, extras: str) -> None:
    began = time.monotonic()
    image = "sovits-serve/gptsovits:extras"
    docker.compose("build", "gptsovits", GPTSOVITS_IMAGE=image, EXTRAS=extras)
    print(f"with {extras}: built in {time.monotonic() - began:.0f} s")
    if "ja" in extras.replace(",", " ").split():
        checks.japanese_is_compiled_already(docker, image)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
