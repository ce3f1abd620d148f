#!/usr/bin/env bash
# bin/parity.sh [--manifests DIR] DIR… : compares the networks with stored outputs of the reference implementation;
# bin/parity.sh --text DIR : the text front ends.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
if [[ ! -x "$root/.venv/bin/python" ]]; then
  echo "there is no $root/.venv: run bin/setup.sh first" >&2
  exit 2
fi
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "$root/.venv/bin/python" -m tests.parity "$@"
