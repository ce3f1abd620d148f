#!/usr/bin/env bash
# bin/test.sh [PYTEST OPTIONS…]: installs what is missing and runs every test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin/setup.sh --dev
exec .venv/bin/python -m pytest "$@"
