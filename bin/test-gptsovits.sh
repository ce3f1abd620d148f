#!/usr/bin/env bash
# bin/test-gptsovits.sh [URL] [CLIP]: a smoke test of a running GPT-SoVITS service.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
url="${1:-http://127.0.0.1:9880}"
clip="${2:-$(find audio -maxdepth 1 -name '*.wav' | sort | head -n 1)}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python=.venv/bin/python
field() { "$python" -c "import json,sys; print(json.load(sys.stdin)['$1'])"; }
step() { echo "-- $*"; }

step "health"
curl --silent --show-error --fail "$url/health"
echo

step "a clip becomes a speaker"
curl --silent --show-error --fail-with-body "$url/process" --form "audio=@$clip" >"$work/speaker.json"
speaker="$(field speaker_id <"$work/speaker.json")"
echo "speaker $speaker"

step "the speaker speaks (POST, whole file)"
curl --silent --show-error --fail-with-body "$url/tts" --header 'Content-Type: application/json' \
    --data "{\"text\": \"The quick brown fox jumps over the lazy dog.\", \"speaker_id\": \"$speaker\", \"stream\": false}" \
    --output "$work/post.wav"
"$python" bin/check_wav.py "$work/post.wav" 1 15

step "the speaker speaks (GET, streamed)"
curl --silent --show-error --fail-with-body --get "$url/tts" --data-urlencode "text=Good morning to everybody here." \
    --data-urlencode "speaker_id=$speaker" --output "$work/get.wav"
"$python" bin/check_wav.py "$work/get.wav" 0.8 12

step "the same seed gives the same audio"
for name in first second; do
    curl --silent --show-error --fail-with-body "$url/tts" --header 'Content-Type: application/json' \
        --data "{\"text\": \"Once more.\", \"speaker_id\": \"$speaker\", \"seed\": 11}" --output "$work/$name.wav"
done
cmp "$work/first.wav" "$work/second.wav"

step "a recording in another voice, as long as it was"
transcript="$(cat "${clip%.*}.txt" 2>/dev/null || echo "This is what was said in the recording.")"
length="$("$python" -c "import soundfile, sys; print(n := soundfile.info(sys.argv[1]).duration, n + 0.05)" "$clip")"
curl --silent --show-error --fail-with-body "$url/transfer" --form "source=@$clip" \
    --form-string "speaker_id=$speaker" --form-string "text=$transcript" --form-string stream=false --output "$work/transfer.wav"
# shellcheck disable=SC2086  # two numbers
"$python" bin/check_wav.py "$work/transfer.wav" $length

step "errors are told as such"
status="$(curl --silent --output "$work/problem.json" --write-out '%{http_code}' "$url/tts" \
    --header 'Content-Type: application/json' --data "{\"text\": \"hello\", \"speaker_id\": \"nobody\"}")"
[[ "$status" == 404 && "$(field code <"$work/problem.json")" == speaker_unknown ]]
echo "PASS"
