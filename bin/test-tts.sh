#!/usr/bin/env bash
# bin/test-tts.sh [URL] [CLIP]: a smoke test of a running gateway.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
url="${1:-http://127.0.0.1:8001}"
clip="${2:-$(find audio -maxdepth 1 -name '*.wav' | sort | head -n 1)}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python=.venv/bin/python
field() { "$python" -c "import json,sys; print(json.load(sys.stdin)['$1'])"; }
step() { echo "-- $*"; }

step "health"
curl --silent --show-error --fail "$url/health"
echo

step "an upload and a text give speech"
curl --silent --show-error --fail-with-body "$url/tts" --form "reference_audio=@$clip" \
    --form-string "text=The quick brown fox jumps over the lazy dog." --form-string stream=false \
    --output "$work/upload.wav"
"$python" bin/check_wav.py "$work/upload.wav" 1 15

step "again, now streamed: the voice is known"
curl --silent --show-error --fail-with-body "$url/tts" --form "reference_audio=@$clip" \
    --form-string "text=Good morning to everybody here." --dump-header "$work/headers" --output "$work/again.wav"
grep -i '^x-speaker-cache: hit' "$work/headers"
"$python" bin/check_wav.py "$work/again.wav" 0.8 12

step "a job"
curl --silent --show-error --fail-with-body "$url/tts" --header 'Content-Type: application/json' \
    --data '{"text": "This one may take its time.", "async": true}' >"$work/job.json"
job="$(field job_id <"$work/job.json")"
for _ in $(seq 120); do
    state="$(curl --silent --fail "$url/status/$job" | field state)"
    [[ "$state" == queued || "$state" == running ]] || break
    sleep 0.5
done
echo "job $job $state"
[[ "$state" == succeeded ]]
curl --silent --show-error --fail "$url/status/$job/audio" --output "$work/job.wav"
"$python" bin/check_wav.py "$work/job.wav" 0.8 12

step "a recording in another voice, as long as it was"
transcript="$(cat "${clip%.*}.txt" 2>/dev/null || echo "This is what was said in the recording.")"
length="$("$python" -c "import soundfile, sys; print(n := soundfile.info(sys.argv[1]).duration, n + 0.05)" "$clip")"
curl --silent --show-error --fail-with-body "$url/transfer" --form "source=@$clip" \
    --form-string "text=$transcript" --form-string stream=false --output "$work/transfer.wav"
# shellcheck disable=SC2086  # two numbers
"$python" bin/check_wav.py "$work/transfer.wav" $length

step "OpenAI's request"
curl --silent --show-error --fail-with-body "$url/v1/audio/speech" --header 'Content-Type: application/json' \
    --data '{"model": "tts-1", "input": "Hello from another door.", "voice": "default", "response_format": "wav"}' \
    --output "$work/openai.wav"
"$python" bin/check_wav.py "$work/openai.wav" 0.8 12

step "errors are told as such"
status="$(curl --silent --output "$work/problem.json" --write-out '%{http_code}' "$url/tts" \
    --form-string "text=hello" --form "reference_audio=@pyproject.toml")"
[[ "$status" == 422 && "$(field code <"$work/problem.json")" == invalid_audio ]]
echo "PASS"
