#!/usr/bin/env bash
# bin/audit.sh [PIP-AUDIT OPTIONS…]: looks up what is installed in .venv for known vulnerabilities.
# Exit status: 0 none is known, 1 there are some, 3 the lookup could not be made (no answer from the service).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
audit="${PIP_AUDIT:-.venv/bin/pip-audit}"
if [[ ! -x "$audit" ]]; then
    echo "there is no $audit: run bin/setup.sh --dev first" >&2
    exit 3
fi
found="$(mktemp)"
said="$(mktemp)"
trap 'rm -f "$found" "$said"' EXIT
# Our own package is no one's to look up; what pip-audit cannot look up it lists as skipped.
"$audit" --local --skip-editable --progress-spinner off --timeout "${AUDIT_SECONDS:-15}" --format json "$@" \
    >"$found" 2>"$said"
status=$?
python="${PYTHON:-.venv/bin/python}"
if ! "$python" -c 'import json, sys; json.load(open(sys.argv[1]))["dependencies"]' "$found" 2>/dev/null; then
    echo "not audited: the vulnerability service did not answer (status $status). The last it said:" >&2
    tail -n 3 "$said" >&2
    exit 3
fi
"$python" - "$found" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))["dependencies"]
skipped = [each for each in report if "skip_reason" in each]
bad = [each for each in report if each.get("vulns")]
for each in bad:
    for known in each["vulns"]:
        fixed = ", ".join(known["fix_versions"]) or "no version yet"
        print(f"{each['name']} {each['version']}: {known['id']} ({', '.join(known['aliases'])}); fixed in {fixed}")
if skipped:
    print("not looked up:", ", ".join(each["name"] for each in skipped))
n_known = len(report) - len(skipped)
if n_known == 0:  # something answers in the service's place, and knows nothing
    print("not audited: the vulnerability service knows none of the packages", file=sys.stderr)
    sys.exit(3)
print(f"{n_known} packages looked up, {len(bad)} with known vulnerabilities")
sys.exit(1 if bad else 0)
PYTHON
