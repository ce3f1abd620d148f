#!/usr/bin/env bash
# bin/download-models.sh [--version v2ProPlus] [--mirror URL] [--verify] [--dry-run]: the official weights into models/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -x .venv/bin/gptsovits ]] || bin/setup.sh
exec .venv/bin/gptsovits download "$@"
