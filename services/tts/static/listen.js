// What was asked for, heard while it is being made, and what can be done with it then.
import { StreamPlayer } from "./audio.js";
import { $, address, asked, events, key, make, question, show, tell } from "./page.js";
import { drawWave } from "./wave.js";

const QUEUE_EVERY_MS = 1_000;

let current = null; // the run under way: { wish, abort, player }
let last = null; // what was heard last

/** The request of a wish: { path, fields, files }. Without files its body is JSON. */
function requestOf({ fields, files }, signal) {
  if (!Object.keys(files).length) {
    return { method: "POST", signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify(fields) };
  }
  const body = new FormData();
  for (const [name, value] of Object.entries({ ...fields, ...files })) body.append(name, value);
  return { method: "POST", signal, body };
}

/** Asks for it as a job, and shows the jobs. */
export async function queue(wish) {
  tell(null);
  try {
    await asked(wish.path, requestOf({ ...wish, fields: { ...wish.fields, async: true } }));
    document.dispatchEvent(new CustomEvent("choose-tab", { detail: "jobs" }));
  } catch (error) { tell(error); }
}

function state(text) { if ($("state").textContent !== text) $("state").textContent = text; }

function busy(isBusy) {
  for (const button of document.querySelectorAll("[data-begins]")) button.disabled = isBusy;
  for (const button of document.querySelectorAll("[data-stops]")) button.disabled = !isBusy;
}

function begin(wish) {
  tell(null);
  const run = { wish, abort: new AbortController(), player: null };
  run.context = new AudioContext(); // made now, while the browser still sees the click
  busy(true);
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
      const { queue: line } = (await (await fetch("health")).json()).gptsovits;
      if (run === current && !run.player && line?.waiting) {
        state(`waiting: ${line.running} being spoken, ${line.waiting} in the queue`);
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
  const total = isWhole ? player.peaks.length : Math.max(player.peaks.length, Math.round(run.wish.seconds * 100));
  const listened = isWhole && !$("player").paused ? $("player").currentTime : player.heard;
  drawWave($("wave"), player.peaks, { total, heard: listened / (total / 100) });
  $("clock").textContent = `${listened.toFixed(1)} / ${player.seconds.toFixed(1)} s`;
  if (last === run || current === run) requestAnimationFrame(() => animate(run));
}

/**
 * Asks for a wish and plays its audio as it comes: { path, fields, files, seconds, clip }, where `seconds` is
 * about how long it will be, and `clip` a clip whose voice may be kept.
 */
export async function hear(wish) {
  if (current) return;
  const run = (current = begin(wish));
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  watchQueue(run);
  try {
    const reply = await asked(wish.path, requestOf(wish, run.abort.signal));
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
    busy(false);
    document.dispatchEvent(new Event("spoken"));
  }
}

function finished(run, reply, first, total) {
  last = run;
  $("progress").max = 1;
  $("progress").value = 1;
  const seconds = run.player.seconds;
  state(`done: ${seconds.toFixed(1)} s of audio`);
  $("wave").setAttribute("aria-label", `Waveform of ${seconds.toFixed(1)} seconds of speech`);
  const url = URL.createObjectURL(run.player.file());
  $("player").src = $("download").href = url;
  $("download").download = `${run.wish.fields.voice ?? "speech"}-${run.jobId.slice(0, 8)}.wav`;
  for (const id of ["player", "outcome"]) show($(id), true);
  show($("keep"), Boolean(run.wish.clip));
  const isKnown = reply.headers.get("X-Speaker-Cache") === "hit";
  const facts = {
    "First audio": `${first.toFixed(2)} s`, "All of it": `${total.toFixed(2)} s`,
    Voice: isKnown ? "from the cache" : "learned now", Seed: reply.headers.get("X-Seed"),
  };
  $("facts").replaceChildren(...Object.entries(facts).map(([name, value]) =>
    make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
}

for (const button of document.querySelectorAll("[data-stops]")) {
  button.addEventListener("click", () => {
    current?.abort.abort();
    current?.player?.stop();
  });
}
$("player").addEventListener("play", () => last?.player.stop()); // not both at once

// --- what can be done with it ---

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

/** The command that asks for the same. */
function curlOf({ fields, files }, url) {
  const uploads = Object.entries(files).map(([name, file]) => `-F ${quoted(`${name}=@${file.name}`)}`);
  const parts = uploads.length
    ? [...Object.entries(fields).map(([name, value]) => `--form-string ${quoted(`${name}=${value}`)}`), ...uploads]
    : ["-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(fields))}`];
  if (key()) parts.unshift("-H \"Authorization: Bearer $SOVITS_API_KEY\"");
  return ["curl", url, ...parts, "-o spoken.wav"].join(" ");
}

$("curl").addEventListener("click", async () => {
  const command = curlOf(last.wish, new URL(last.wish.path, location.href).href);
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
  const { clip, fields } = last.wish;
  const body = new FormData();
  body.append("name", name);
  body.append("audio", clip);
  if (fields.reference_text) body.append("text", fields.reference_text);
  try {
    await asked("voices", { method: "POST", body });
    show($("keep"), false);
    document.dispatchEvent(new CustomEvent("voice-kept", { detail: name }));
  } catch (error) { tell(error); }
});
