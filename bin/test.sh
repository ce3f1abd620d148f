#!/usr/bin/env bash
# bin/test.sh [PYTEST OPTIONS…]: installs what is missing and runs every test, in several processes. `-n0` runs them in one process, as plain pytest does: for --pdb, or to see what a test prints.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin/setup.sh --dev

# One worker more than cores, for many tests wait for something; torch with more threads than cores is slow.
workers=$(($(getconf _NPROCESSORS_ONLN) + 1))
[[ $workers -le 5 ]] || workers=5
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec .venv/bin/python -m pytest -n "$workers" --dist worksteal "$@"
