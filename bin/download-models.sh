#!/usr/bin/env bash
# bin/download-models.sh [OPTIONS…]: fetches official weights into models/. --help lists the options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin/setup.sh
exec .venv/bin/gptsovits download "$@"
