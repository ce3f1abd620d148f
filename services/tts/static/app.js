// The page: speak, voices, jobs. Everything it does goes through the same HTTP that other clients use.
import { Microphone, StreamPlayer, drawWave } from "./audio.js";

const $ = (id) => document.getElementById(id);
const LANGUAGES = { en: "English", zh: "Chinese", ja: "Japanese", ko: "Korean", yue: "Cantonese" };

let clip = null; // the File to clone from, instead of a known voice
let current = null; // { abort, player, jobId }
let microphone = null;
let lastWish = null;

async function asked(path, options) {
  const reply = await fetch(path, options);
  if (reply.ok) return reply;
  let problem;
  try { problem = await reply.json(); } catch { problem = { title: `The gateway answered ${reply.status}`, detail: "" }; }
  throw Object.assign(new Error(problem.title), { problem });
}

function show(element, visible) { element.hidden = !visible; }

function tell(problem) {
  const box = $("problem");
  box.replaceChildren();
  show(box, Boolean(problem));
  if (!problem) return;
  const title = document.createElement("strong");
  title.textContent = problem.title;
  box.append(title, problem.detail ?? "");
}

// --- tabs ---------------------------------------------------------------------------------------------------

const tabs = [...document.querySelectorAll("[role=tab]")];
function choose(tab) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    show($(each.getAttribute("aria-controls")), chosen);
  }
  if (tab.id === "tab-voices") listVoices();
  if (tab.id === "tab-jobs") listJobs();
}
for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
}

// --- health -------------------------------------------------------------------------------------------------

async function lookAtHealth() {
  const pill = $("health");
  try {
    const health = await (await fetch("health")).json();
    const model = health.gptsovits.model;
    const good = health.status === "ok";
    pill.className = `pill ${good ? "good" : "bad"}`;
    const waiting = health.gptsovits.queue?.waiting ?? 0;
    pill.textContent = good
      ? `${model.id} (${model.version}) · ${waiting ? `${waiting} waiting` : "ready"} · ${health.cache.entries} voices cached`
      : `not ready: ${health.gptsovits.detail ?? health.gptsovits.status}`;
    if (good && $("language").length === 1) {
      for (const code of model.languages) $("language").append(new Option(LANGUAGES[code] ?? code, code));
    }
  } catch {
    pill.className = "pill bad";
    pill.textContent = "the gateway does not answer";
  }
}

// --- the clip -----------------------------------------------------------------------------------------------

function useClip(file) {
  clip = file;
  const player = $("clip-player");
  if (player.src) URL.revokeObjectURL(player.src);
  $("clip-name").textContent = file ? file.name : "";
  if (file) player.src = URL.createObjectURL(file);
  else { player.removeAttribute("src"); $("file").value = ""; $("transcript").value = ""; }
  show(player, Boolean(file));
  show($("transcript-row"), Boolean(file));
  $("voice").disabled = Boolean(file);
}
$("file").addEventListener("change", (event) => event.target.files[0] && useClip(event.target.files[0]));
$("forget-clip").addEventListener("click", () => useClip(null));
for (const kind of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) useClip(event.dataTransfer.files[0]);
  });
}
$("record").addEventListener("click", async () => {
  const button = $("record");
  tell(null);
  try {
    if (microphone) {
      const recorded = microphone;
      microphone = null;
      useClip(await recorded.stop());
    } else {
      const starting = new Microphone();
      await starting.start();
      microphone = starting;
    }
  } catch (error) {
    microphone = null;
    tell({ title: "The microphone cannot be used", detail: error.message });
  }
  button.setAttribute("aria-pressed", String(Boolean(microphone)));
  button.textContent = microphone ? "Stop recording" : "Record";
});

// --- speaking -----------------------------------------------------------------------------------------------

function wish() {
  const fields = { text: $("text").value, language: $("language").value, speed: Number($("speed").value) || 1,
    pause_seconds: Number($("pause").value) };
  if ($("seed").value !== "") fields.seed = Number($("seed").value);
  if (clip) { if ($("transcript").value.trim()) fields.reference_text = $("transcript").value.trim(); }
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

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (current) return;
  tell(null);
  const fields = wish();
  lastWish = { fields, fileName: clip?.name };
  const run = (current = { abort: new AbortController(), player: null, watch: null });
  $("go").disabled = true;
  $("stop").disabled = false;
  show($("result"), true);
  for (const id of ["player", "download", "keep"]) show($(id), false);
  $("facts").replaceChildren();
  $("progress").removeAttribute("value");
  $("state").textContent = "waiting for the first audio …";
  const began = performance.now();
  try {
    const reply = await asked("tts", requestOf(fields, clip, run.abort.signal));
    const first = (performance.now() - began) / 1000;
    const jobId = reply.headers.get("X-Job-Id");
    run.player = new StreamPlayer(Number(reply.headers.get("X-Sample-Rate")));
    run.watch = watch(jobId);
    const reader = reply.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      run.player.push(value);
      drawWave($("wave"), run.player.chunks, run.player.length);
      $("state").textContent = `speaking … ${run.player.seconds.toFixed(1)} s`;
    }
    finished(run, reply, jobId, first, (performance.now() - began) / 1000);
  } catch (error) {
    if (error.name === "AbortError") $("state").textContent = "stopped";
    else { tell(error.problem ?? { title: "The audio broke off", detail: error.message }); $("state").textContent = ""; }
    $("progress").value = 0;
    run.player?.stop();
  } finally {
    run.watch?.close();
    current = null;
    $("go").disabled = false;
    $("stop").disabled = true;
    lookAtHealth();
  }
});

function watch(jobId) {
  const events = new EventSource(`status/${jobId}/events`);
  const update = (event) => {
    const job = JSON.parse(event.data);
    if (job.segments_total) {
      $("progress").max = job.segments_total;
      $("progress").value = job.segments_done;
    }
  };
  for (const state of ["queued", "running", "succeeded", "failed", "cancelled"]) events.addEventListener(state, update);
  events.addEventListener("error", () => events.close());
  return events;
}

function finished(run, reply, jobId, first, total) {
  const file = `status/${jobId}/audio`;
  $("progress").max = 1;
  $("progress").value = 1;
  $("state").textContent = `${run.player.seconds.toFixed(1)} s of audio`;
  $("player").src = file;
  show($("player"), true);
  $("download").href = file;
  $("download").download = `${jobId}.wav`;
  show($("download"), true);
  show($("keep"), Boolean(clip));
  const facts = [
    `first audio after ${first.toFixed(2)} s`, `all of it after ${total.toFixed(2)} s`,
    `voice ${reply.headers.get("X-Speaker-Cache") === "hit" ? "was known" : "made anew"}`,
    `seed ${reply.headers.get("X-Seed")}`,
  ];
  $("facts").replaceChildren(...facts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

$("stop").addEventListener("click", () => { current?.abort.abort(); current?.player?.stop(); });
$("text").addEventListener("input", () => { $("count").textContent = $("text").value.length; });

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;
$("curl").addEventListener("click", async () => {
  if (!lastWish) return;
  const url = new URL("tts", location.href).href;
  const command = lastWish.fileName
    ? [`curl ${url}`, ...Object.entries(lastWish.fields).map(([name, value]) => `--form-string ${quoted(`${name}=${value}`)}`),
      `-F ${quoted(`reference_audio=@${lastWish.fileName}`)}`, "-o spoken.wav"].join(" ")
    : `curl ${url} -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(lastWish.fields))} -o spoken.wav`;
  try { await navigator.clipboard.writeText(command); $("curl").textContent = "Copied"; }
  catch { window.prompt("Copy this command:", command); }
  setTimeout(() => { $("curl").textContent = "Copy as curl"; }, 1500);
});

$("keep").addEventListener("click", async () => {
  const name = window.prompt("A name for this voice:");
  if (!name) return;
  const body = new FormData();
  body.append("name", name);
  body.append("audio", clip);
  if ($("transcript").value.trim()) body.append("text", $("transcript").value.trim());
  try {
    await asked("voices", { method: "POST", body });
    useClip(null);
    await fillVoices(name);
  } catch (error) { tell(error.problem ?? { title: error.message }); }
});

// --- voices -------------------------------------------------------------------------------------------------

async function fillVoices(chosen) {
  const { voices, default: first } = await (await asked("voices")).json();
  $("voice").replaceChildren(...voices.map((voice) => new Option(voice.name, voice.name)));
  $("voice").value = chosen ?? first ?? "";
  return voices;
}

async function listVoices() {
  const voices = await fillVoices($("voice").value || undefined);
  $("voice-list").replaceChildren(...voices.map((voice) => {
    const item = document.createElement("li");
    const name = Object.assign(document.createElement("h2"), { textContent: voice.name });
    const said = Object.assign(document.createElement("p"), { className: "hint" });
    said.textContent = `${voice.seconds.toFixed(1)} s${voice.text ? ` · “${voice.text}”` : " · no transcript"}`;
    const player = Object.assign(document.createElement("audio"), { controls: true, preload: "none" });
    player.src = `voices/${encodeURIComponent(voice.name)}/audio`;
    item.append(name, said, player);
    if (!voice.builtin) {
      const remove = Object.assign(document.createElement("button"), { type: "button", textContent: `Delete ${voice.name}` });
      remove.addEventListener("click", async () => {
        if (!window.confirm(`Delete the voice ${voice.name}?`)) return;
        await asked(`voices/${encodeURIComponent(voice.name)}`, { method: "DELETE" });
        listVoices();
      });
      item.append(remove);
    }
    return item;
  }));
}

// --- jobs ---------------------------------------------------------------------------------------------------

async function listJobs() {
  if ($("jobs").hidden) return;
  const page = await (await asked("status?limit=25")).json();
  $("job-counts").textContent = Object.entries(page.counts).map(([state, n]) => `${n} ${state}`).join(" · ");
  $("job-list").replaceChildren(...page.jobs.map((job) => {
    const row = document.createElement("tr");
    const segments = job.segments_total ? `${job.segments_done} / ${job.segments_total}` : "–";
    const cells = [new Date(job.created).toLocaleTimeString(), job.state, segments, `${job.audio_seconds.toFixed(1)} s`];
    row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    if (job.problem) row.title = job.problem.detail;
    const actions = document.createElement("td");
    if (job.links.audio) {
      const link = Object.assign(document.createElement("a"), { className: "button", href: job.links.audio.slice(1), textContent: "Download" });
      link.download = "";
      actions.append(link);
    } else if (job.state === "queued" || job.state === "running") {
      const cancel = Object.assign(document.createElement("button"), { type: "button", textContent: "Cancel" });
      cancel.addEventListener("click", async () => { await asked(`status/${job.job_id}`, { method: "DELETE" }); listJobs(); });
      actions.append(cancel);
    }
    row.append(actions);
    return row;
  }));
}

$("count").textContent = $("text").value.length;
lookAtHealth();
fillVoices().catch((error) => tell(error.problem ?? { title: error.message }));
setInterval(lookAtHealth, 10_000);
setInterval(() => listJobs().catch(() => {}), 2_000);
