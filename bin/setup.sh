#!/usr/bin/env bash
# bin/setup.sh [--dev]: makes .venv and installs what is missing. A second run notices that and takes a second.
#   --dev   also what the tests, the checks and every language need
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TORCH=2.13.0
CPU_INDEX=https://download.pytorch.org/whl/cpu
INDEX_SECONDS=3 # a host that does not answer costs no more than this

extras=gptsovits
profile=run
if [[ "${1:-}" == --dev ]]; then
    extras=gptsovits,zh,g2pw,yue,ja,ko,codecs,postgres,test,dev
    profile=dev
elif [[ $# -gt 0 ]]; then
    echo "usage: bin/setup.sh [--dev]" >&2
    exit 2
fi

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        [[ -n "$candidate" ]] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Python 3.11 or newer is needed; set PYTHON to one, or install it (Debian: apt install python3-venv)." >&2
    exit 1
}

if [[ ! -x .venv/bin/python ]]; then
    python="$(find_python)"
    echo "making .venv with $("$python" --version)"
    "$python" -m venv .venv
fi
venv=.venv/bin/python

wanted="$(cat pyproject.toml bin/setup.sh <("$venv" --version) | sha256sum | cut -d' ' -f1)"
installed() { [[ "$(cat ".venv/.installed-$1" 2>/dev/null)" == "$wanted" ]]; }
if installed dev || installed "$profile"; then
    exit 0
fi

has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }
answers() { # whether the host of an index answers within a few seconds
    "$venv" - "$1" "$INDEX_SECONDS" <<'PYTHON' 2>/dev/null
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/torch/", method="HEAD"), timeout=float(sys.argv[2]))
PYTHON
}
pip_install() { "$venv" -m pip install --quiet --quiet --disable-pip-version-check "$@"; }

install_torch() {
    if "$venv" -c "import importlib.metadata as m; assert m.version('torch') >= '2.11'" 2>/dev/null; then
        return
    fi
    if has_gpu; then
        echo "installing torch for CUDA"
        pip_install "torch==$TORCH"
        return
    fi
    echo "installing torch for CPU"
    local -a index=()
    if answers "$CPU_INDEX"; then
        index=(--extra-index-url "$CPU_INDEX")
    fi
    # "+cpu" names the build without CUDA. Where no index has it (macOS needs none), the plain one serves.
    pip_install "${index[@]}" "torch==$TORCH+cpu" 2>/dev/null || pip_install "${index[@]}" "torch==$TORCH"
}

# What some tests need besides Python; where it is not there they say so and skip.
install_from_debian() { # PACKAGE WHAT_FOR
    local -a as_root=()
    [[ $EUID -eq 0 ]] || as_root=(sudo -n)
    if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
        echo "installing $1 for $2"
        "${as_root[@]}" apt-get update -qq >/dev/null &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends "$1" >/dev/null && return
    fi
    echo "$1 is not installed: $2 will be skipped" >&2
}
has_postgresql() { command -v pg_ctl >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/pg_ctl' >/dev/null; }
has_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

if [[ $profile == dev ]]; then
    has_postgresql || install_from_debian postgresql "the tests of the job store"
    has_browser >/dev/null || install_from_debian chromium "the tests of the page"
    compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || install_from_debian libfaketime "the jumps of the clock"
fi
install_torch
echo "installing sovits-serve[$extras]"
# torch is there already, so nothing below asks for a CUDA build of it.
pip_install --editable ".[$extras]"
# With a C++ compiler the first start need not wait for it; without, torch does the work.
"$venv" -m comps.gptsovits.cli kernels || true
echo "$wanted" >".venv/.installed-$profile"
