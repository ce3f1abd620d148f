// Speaking: the request, its audio while it is being made, and what can be done with it.
import { StreamPlayer } from "./audio.js";
import { clip, transcript, useClip } from "./clip.js";
import { $, address, asked, events, key, make, question, show, tell } from "./page.js";
import { fillVoices } from "./voices.js";
import { drawWave } from "./wave.js";

const LANGUAGES = { en: "English", zh: "Chinese", ja: "Japanese", ko: "Korean", yue: "Cantonese" };
const CHARACTERS_A_SECOND = 14; // about, for the width of a waveform that is not whole yet
const QUEUE_EVERY_MS = 1_000;

let current = null; // the run under way: { abort, player }
let last = null; // what was spoken last: { fields, fileName, clip, jobId, player }

export function knowLanguages(codes) {
  if ($("language").length > 1) return;
  $("language").append(...codes.map((code) => new Option(LANGUAGES[code] ?? code, code)));
}

function wish() {
  const fields = { text: $("text").value, language: $("language").value, speed: Number($("speed").value),
    pause_seconds: Number($("pause").value) };
  if ($("seed").value !== "") fields.seed = Number($("seed").value);
  if ($("loudness").value) fields.loudness = Number($("loudness").value);
  if (clip()) { if (transcript()) fields.reference_text = transcript(); }
  else if ($("voice").value) fields.voice = $("voice").value;
  return fields;
}

function requestOf(fields, file, signal) {
  if (!file) {
    return { method: "POST", signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify(fields) };
  }
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append("reference_audio", file);
  return { method: "POST", signal, body };
}

function state(text) { if ($("state").textContent !== text) $("state").textContent = text; }

function begin() {
  tell(null);
  const run = { abort: new AbortController(), player: null, fields: wish(), clip: clip(), estimate: 1 };
  run.context = new AudioContext(); // made now, while the browser still sees the click
  run.estimate = run.fields.text.length / CHARACTERS_A_SECOND / run.fields.speed;
  $("go").disabled = true;
  $("stop").disabled = false;
  $("progress").removeAttribute("value");
  for (const id of ["player", "outcome", "idle"]) show($(id), false);
  for (const id of ["progress", "line"]) show($(id), true);
  $("facts").replaceChildren();
  $("clock").textContent = "";
  drawWave($("wave"), []);
  state("waiting for the first audio …");
  return run;
}

/** While nothing is heard yet: how busy the model is. */
async function watchQueue(run) {
  while (run === current && !run.player) {
    try {
      const { queue } = (await (await fetch("health")).json()).gptsovits;
      if (run === current && !run.player && queue?.waiting) {
        state(`waiting: ${queue.running} being spoken, ${queue.waiting} in the queue`);
      }
    } catch { /* the request itself will tell */ }
    await new Promise((done) => setTimeout(done, QUEUE_EVERY_MS));
  }
}

async function watchSegments(run, jobId) {
  for await (const job of events(`status/${jobId}/events`, run.abort.signal)) {
    if (run !== current || !job.segments_total) continue;
    $("progress").max = job.segments_total;
    $("progress").value = job.segments_done;
    if (job.state === "running") state(`speaking · ${job.segments_done} of ${job.segments_total} segments done`);
  }
}

/** Draws what there is and where the listener is, until the last of it was heard. */
function animate(run) {
  const { player } = run;
  const isWhole = run !== current;
  const total = isWhole ? player.peaks.length : Math.max(player.peaks.length, Math.round(run.estimate * 100));
  const listened = isWhole && !$("player").paused ? $("player").currentTime : player.heard;
  drawWave($("wave"), player.peaks, { total, heard: listened / (total / 100) });
  $("clock").textContent = `${listened.toFixed(1)} / ${player.seconds.toFixed(1)} s`;
  if (last === run || current === run) requestAnimationFrame(() => animate(run));
}

async function speak() {
  if (current) return;
  const run = (current = begin());
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  watchQueue(run);
  try {
    const reply = await asked("tts", requestOf(run.fields, run.clip, run.abort.signal));
    const first = since();
    run.jobId = reply.headers.get("X-Job-Id");
    run.player = new StreamPlayer(Number(reply.headers.get("X-Sample-Rate")), run.context);
    state("speaking …");
    watchSegments(run, run.jobId).catch(() => {});
    animate(run);
    const reader = reply.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) run.player.push(part.value);
    finished(run, reply, first, since());
  } catch (error) {
    $("progress").value = 0;
    if (run.player) run.player.stop();
    else run.context.close();
    if (error.name === "AbortError") state("stopped");
    else {
      state("");
      tell(error.problem ? error : { problem: { title: "The audio broke off", detail: error.message } });
    }
  } finally {
    run.abort.abort();
    current = null;
    $("go").disabled = false;
    $("stop").disabled = true;
    document.dispatchEvent(new Event("spoken"));
  }
}

function finished(run, reply, first, total) {
  last = run;
  run.reply = reply;
  $("progress").max = 1;
  $("progress").value = 1;
  const seconds = run.player.seconds;
  state(`done: ${seconds.toFixed(1)} s of audio`);
  $("wave").setAttribute("aria-label", `Waveform of ${seconds.toFixed(1)} seconds of speech`);
  const url = URL.createObjectURL(run.player.file());
  $("player").src = $("download").href = url;
  $("download").download = `${run.fields.voice ?? "speech"}-${run.jobId.slice(0, 8)}.wav`;
  for (const id of ["player", "outcome"]) show($(id), true);
  show($("keep"), Boolean(run.clip));
  const isKnown = reply.headers.get("X-Speaker-Cache") === "hit";
  const facts = {
    "First audio": `${first.toFixed(2)} s`, "All of it": `${total.toFixed(2)} s`,
    Voice: isKnown ? "from the cache" : "learned now", Seed: reply.headers.get("X-Seed"),
  };
  $("facts").replaceChildren(...Object.entries(facts).map(([name, value]) =>
    make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
}

function stop() {
  current?.abort.abort();
  current?.player?.stop();
}

$("form").addEventListener("submit", (event) => { event.preventDefault(); speak(); });
$("stop").addEventListener("click", stop);
$("player").addEventListener("play", () => last?.player.stop()); // not both at once
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
});
const count = () => { $("count").textContent = $("text").value.length.toLocaleString("en"); };
$("text").addEventListener("input", count);
$("speed").addEventListener("input", () => { $("speed-shown").textContent = `${Number($("speed").value)}×`; });
$("pause").addEventListener("input", () => { $("pause-shown").textContent = `${$("pause").value} s`; });
count();

$("queue").addEventListener("click", async () => {
  if (!$("form").reportValidity()) return;
  tell(null);
  try {
    await asked("tts", requestOf({ ...wish(), async: true }, clip()));
    document.dispatchEvent(new CustomEvent("choose-tab", { detail: "jobs" }));
  } catch (error) { tell(error); }
});

// --- what can be done with it ---

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

/** The command that asks for the same. */
export function curlOf({ fields, clip: file }, url) {
  const parts = file
    ? [...Object.entries(fields).map(([name, value]) => `--form-string ${quoted(`${name}=${value}`)}`),
      `-F ${quoted(`reference_audio=@${file.name}`)}`]
    : ["-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(fields))}`];
  if (key()) parts.unshift("-H \"Authorization: Bearer $SOVITS_API_KEY\"");
  return ["curl", url, ...parts, "-o spoken.wav"].join(" ");
}

$("curl").addEventListener("click", async () => {
  const command = curlOf(last, new URL("tts", location.href).href);
  try {
    await navigator.clipboard.writeText(command);
    $("curl-text").textContent = "Copied";
  } catch {
    await question({ title: "The command", text: command, yes: "Close" });
  }
  setTimeout(() => { $("curl-text").textContent = "Copy curl"; }, 1_500);
});

$("subtitles").addEventListener("click", async () => {
  try {
    const href = await address(`status/${last.jobId}/subtitles.srt`);
    make("a", { href, download: `${last.jobId.slice(0, 8)}.srt` }).click();
  } catch (error) { tell(error); }
});

$("keep").addEventListener("click", async () => {
  const name = await question({ title: "Keep this voice", label: "Its name", yes: "Keep" });
  if (!name) return;
  const body = new FormData();
  body.append("name", name);
  body.append("audio", last.clip);
  if (last.fields.reference_text) body.append("text", last.fields.reference_text);
  try {
    await asked("voices", { method: "POST", body });
    useClip(null);
    show($("keep"), false);
    await fillVoices(name);
  } catch (error) { tell(error); }
});
