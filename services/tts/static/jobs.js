// Jobs: how they stand, now and a second later; their audio; cancelling.
import { $, address, asked, icon, make, show, tell } from "./page.js";

const PAGE_SIZE = 20;
let shown = PAGE_SIZE; // how many of the newest
const rows = new Map(); // by job id, so that what has the focus keeps it

export async function listJobs() {
  const wanted = $("job-state").value;
  const { counts, jobs, next_cursor: more } = await (
    await asked(`status?limit=${shown}${wanted ? `&state=${wanted}` : ""}`)
  ).json();
  const told = Object.entries(counts).filter(([, n]) => n).map(([state, n]) => `${n} ${state}`);
  $("job-counts").textContent = told.join(" · ");
  show($("job-none"), !jobs.length);
  show($("older"), Boolean(more) && shown < 200);
  for (const id of [...rows.keys()]) if (!jobs.some((job) => job.job_id === id)) rows.delete(id);
  const items = jobs.map(rowOf);
  const list = $("job-list");
  if (items.some((item, at) => list.children[at] !== item) || list.children.length !== items.length) {
    list.replaceChildren(...items);
  }
}

function rowOf(job) {
  const version = JSON.stringify(job);
  const known = rows.get(job.job_id);
  if (known?.version === version) return known.item;
  const item = known?.item ?? make("li", { className: "job" });
  item.replaceChildren(...parts(job));
  rows.set(job.job_id, { version, item });
  return item;
}

function parts(job) {
  const when = new Date(job.created).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const detail = make("p", { className: "hint" });
  detail.textContent = [when, ...facts(job)].join(" · ");
  const middle = make("div", { className: "grow" }, detail);
  if (job.state === "running" && job.segments_total) {
    middle.append(make("progress", { max: job.segments_total, value: job.segments_done, aria: { label: "Segments spoken" } }));
  }
  return [make("span", { className: `state ${job.state}`, textContent: job.state }), middle, ...actions(job)];
}

function facts(job) {
  if (job.problem) return [job.problem.detail || job.problem.title];
  if (job.state === "queued") return [job.queue_position ? `${job.queue_position} before it` : "next in line"];
  const found = [];
  if (job.segments_total) found.push(`${job.segments_done} of ${job.segments_total} segments`);
  if (job.audio_seconds) found.push(`${job.audio_seconds.toFixed(1)} s of audio`);
  if (job.cache) found.push(job.cache === "hit" ? "voice from the cache" : "voice learned");
  return [...found, ...(job.warnings ?? [])];
}

function actions(job) {
  const short = job.job_id.slice(0, 8);
  if (job.state === "queued" || job.state === "running") {
    const cancel = make("button", { type: "button", textContent: "Cancel", aria: { label: `Cancel job ${short}` } });
    cancel.addEventListener("click", async () => {
      try {
        await asked(`status/${job.job_id}`, { method: "DELETE" });
        await listJobs();
      } catch (error) { tell(error); }
    });
    return [cancel];
  }
  if (!job.links.audio) return [];
  const play = make("button", { type: "button", className: "icon", aria: { label: `Play job ${short}` } }, icon("play"));
  play.addEventListener("click", () => open(job, (href) => {
    const player = $("job-player");
    show(player, true);
    player.src = href;
    player.play();
  }));
  const save = make("button", { type: "button", className: "icon", aria: { label: `Download job ${short}` } }, icon("download"));
  save.addEventListener("click", () => open(job, (href) => make("a", { href, download: short }).click()));
  return [play, save];
}

async function open(job, use) {
  try { use(await address(job.links.audio.slice(1))); } catch (error) { tell(error); }
}

$("job-state").addEventListener("change", () => { shown = PAGE_SIZE; listJobs().catch(tell); });
$("older").addEventListener("click", () => { shown = Math.min(200, shown + PAGE_SIZE); listJobs().catch(tell); });
