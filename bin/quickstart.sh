#!/usr/bin/env bash
# bin/quickstart.sh [TEXT] [CLIP] [--keep]
# Installs what is missing, starts both services on loopback, and has TEXT spoken in the voice of CLIP.
# The result is output/hello.wav. --keep leaves the services running.
set -euo pipefail
here="$PWD"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

keep=no
words=()
for word in "$@"; do
    case "$word" in
        --keep) keep=yes ;;
        -h | --help) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
        --*) echo "unknown option $word; usage: bin/quickstart.sh [TEXT] [CLIP] [--keep]" >&2; exit 2 ;;
        *) words+=("$word") ;;
    esac
done
text="${words[0]:-Hello! This voice was cloned from a few seconds of speech, on this very machine.}"
clip="${words[1]:-}"
began=$SECONDS

if [[ -z "$clip" ]]; then
    clip="$(find audio -maxdepth 1 -name '*.wav' | sort | head -n 1)"
    [[ -n "$clip" ]] || { echo "there is no clip in audio/: give one, bin/quickstart.sh TEXT CLIP" >&2; exit 1; }
elif [[ "$clip" != /* ]]; then
    clip="$here/$clip"
fi
[[ -f "$clip" ]] || { echo "there is no file $clip" >&2; exit 1; }
command -v curl >/dev/null || { echo "curl is needed (Debian: apt install curl)" >&2; exit 1; }

bin/setup.sh
python=.venv/bin/python
mkdir -p output

free_port() { # the wanted port, or any free one if something listens there already
    "$python" - "$1" <<'PYTHON'
import socket, sys
for port in (int(sys.argv[1]), 0):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(probe.getsockname()[1])
        break
PYTHON
}
model_port="$(free_port "${GPTSOVITS_PORT:-9880}")"
gateway_port="$(free_port "${TTS_PORT:-8001}")"
if [[ "$model_port" != "${GPTSOVITS_PORT:-9880}" || "$gateway_port" != "${TTS_PORT:-8001}" ]]; then
    echo "a usual port is taken: using $model_port for the model and $gateway_port for the gateway"
fi
gateway="http://127.0.0.1:$gateway_port"

pids=()
stop() {
    [[ ${#pids[@]} -eq 0 ]] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT TERM

nohup "$python" -m services.gptsovits.main --host 127.0.0.1 --port "$model_port" >output/gptsovits.log 2>&1 &
pids+=($!)
nohup "$python" -m services.tts.main --host 127.0.0.1 --port "$gateway_port" \
    --gptsovits-url "http://127.0.0.1:$model_port" >output/tts.log 2>&1 &
pids+=($!)

printf 'starting the services '
ready=no
for _ in $(seq 240); do
    for pid in "${pids[@]}"; do
        if ! kill -0 "$pid" 2>/dev/null; then
            printf '\na service did not start; its last words:\n' >&2
            tail -n 5 output/gptsovits.log output/tts.log >&2
            exit 1
        fi
    done
    if curl --silent --fail --max-time 5 "$gateway/health" >/dev/null; then
        ready=yes
        break
    fi
    printf '.'
    sleep 0.5
done
echo
if [[ $ready == no ]]; then
    echo "the services are not ready; the gateway says:" >&2
    curl --silent --max-time 5 "$gateway/health" >&2 || tail -n 5 output/tts.log >&2
    exit 1
fi

fields=(--form-string "text=$text")
# What the clip says, if a text file beside it tells: it makes the prosody better.
transcript="${clip%.*}.txt"
if [[ -f "$transcript" ]]; then
    fields+=(--form-string "reference_text=$(head -c 2000 "$transcript")")
fi
spoke=$SECONDS
status="$(curl --silent --show-error --max-time 600 --output output/hello.wav.part --write-out '%{http_code}' \
    --form "reference_audio=@\"$clip\"" "${fields[@]}" --form-string stream=false "$gateway/tts")"
if [[ "$status" != 200 ]]; then
    echo "the gateway answered $status:" >&2
    cat output/hello.wav.part >&2
    rm -f output/hello.wav.part
    exit 1
fi
mv output/hello.wav.part output/hello.wav
duration="$("$python" -c "import soundfile; print(round(soundfile.info('output/hello.wav').duration, 1))")"
echo "output/hello.wav: $duration s of audio, made in $((SECONDS - spoke)) s ($((SECONDS - began)) s in all)"

if [[ $keep == yes ]]; then
    trap - EXIT
    echo "the services keep running: $gateway (docs at $gateway/docs), model at http://127.0.0.1:$model_port"
    echo "stop them with: kill ${pids[*]}"
fi
