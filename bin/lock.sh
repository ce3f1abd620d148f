#!/usr/bin/env bash
# bin/lock.sh [--upgrade]: writes docker/lock/*.txt anew, with hashes, from pyproject.toml (by uv).
# Versions stay as they are unless pyproject.toml rules them out; --upgrade takes the newest of everything.
#   gateway.txt gptsovits.txt    what each image installs; of gptsovits, all but torch
#   zh.txt ja.txt …              what a language adds to gptsovits.txt
#   postgres.txt otel.txt …      what an extra of either service adds to gateway.txt
#   torch.txt torch-cpu.txt      torch with the CUDA libraries it names; torch for the CPU (no digests:
#                                that build comes from its makers' own index)
#   build.txt                    what builds wheels of the sources
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -x .venv/bin/uv ]] || bin/setup.sh --dev

LANGUAGES="zh g2pw yue ja ko"
EXTRAS="postgres otel codecs"
torch="$(sed -n 's/^TORCH=//p' bin/setup.sh)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

compile() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@"
}
names() { sed -n 's/^\([A-Za-z0-9._-]*\)==.*/\1/p' "$@" | sort -u; }
all_but() { # --no-emit-package for each name that is read
    while read -r name; do
        printf -- '--no-emit-package\n%s\n' "$name"
    done
}

# One resolution of everything, so that no two files disagree; what is locked already is preferred.
if [[ "${1:-}" != --upgrade ]]; then
    grep -hv +cpu docker/lock/*.txt >"$work/all.txt" 2>/dev/null || true
fi
echo "torch==$torch" >"$work/torch.in"
echo "setuptools>=77" >"$work/build.in"
every=(--extra gptsovits)
for extra in $LANGUAGES $EXTRAS; do
    every+=(--extra "$extra")
done
compile pyproject.toml "${every[@]}" --constraint "$work/torch.in" --output-file "$work/all.txt" >/dev/null

part() { # NAME, then what uv is to compile; nothing that was named in all.txt changes
    local name="$1"
    shift
    compile "$@" --constraint "$work/all.txt" --output-file "$work/$name.txt" >/dev/null
    {
        echo "# Written by bin/lock.sh."
        cat "$work/$name.txt"
    } >"docker/lock/$name.txt"
}
mkdir -p docker/lock
part build "$work/build.in"
part gateway pyproject.toml
compile "$work/torch.in" --constraint "$work/all.txt" --output-file "$work/with-torch.txt" >/dev/null
# torch's small dependencies go with the rest: the CPU build, which comes from another index, needs them too.
small="$(names "$work/with-torch.txt" | grep -Ev '^(torch|triton|nvidia-.*|cuda-.*)$')"
mapfile -t without < <(all_but <<<"$small")
part torch "$work/torch.in" "${without[@]}"
printf '# Written by bin/lock.sh.\ntorch==%s+cpu\n' "$torch" >docker/lock/torch-cpu.txt
mapfile -t without < <(names docker/lock/torch.txt | all_but)
part gptsovits pyproject.toml --extra gptsovits "${without[@]}"
for extra in $EXTRAS; do
    mapfile -t without < <(names docker/lock/gateway.txt | all_but)
    part "$extra" pyproject.toml --extra "$extra" "${without[@]}"
done
for extra in $LANGUAGES; do
    mapfile -t without < <(names docker/lock/torch.txt docker/lock/gptsovits.txt | all_but)
    part "$extra" pyproject.toml --extra gptsovits --extra "$extra" "${without[@]}"
done
echo "locked: $(names docker/lock/*.txt | wc -l) packages in $(find docker/lock -name '*.txt' | wc -l) files"
