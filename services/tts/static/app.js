// The page: tabs, health, theme. Everything it does goes through the same HTTP that other clients use.
import { listJobs } from "./jobs.js";
import { $, show, tell } from "./page.js";
import "./speak.js";
import "./transfer.js";
import { fillVoices, listVoices } from "./voices.js";

const JOBS_EVERY_MS = 1_500;
const HEALTH_EVERY_MS = 5_000;
const LANGUAGES = { en: "English", zh: "Chinese", ja: "Japanese", ko: "Korean", yue: "Cantonese" };

// --- tabs ---

const tabs = [...document.querySelectorAll("[role=tab]")];

export function choose(tab) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    show($(each.getAttribute("aria-controls")), chosen);
  }
  const panel = $(tab.getAttribute("aria-controls"));
  if (panel.classList.contains("listens")) panel.append($("stage")); // both forms are heard at one place
  history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
  if (tab.id === "tab-voices") listVoices().catch(tell);
  if (tab.id === "tab-jobs") listJobs().catch(tell);
}

for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(tab);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const chosen = tabs[(next + tabs.length) % tabs.length];
    choose(chosen);
    chosen.focus();
  });
}
document.addEventListener("choose-tab", (event) => choose($(`tab-${event.detail}`)));

// --- light and dark ---

const root = document.documentElement;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
root.dataset.theme = localStorage.getItem("theme") ?? "";
$("theme").addEventListener("click", () => {
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
  root.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});

// --- health ---

function knowLanguages(codes) {
  for (const choice of [$("language"), $("said-language")]) {
    if (choice.length === 1) choice.append(...codes.map((code) => new Option(LANGUAGES[code] ?? code, code)));
  }
}

async function lookAtHealth() {
  let said;
  let isGood = false;
  try {
    const health = await (await fetch("health")).json();
    const { model, queue, status, detail } = health.gptsovits;
    isGood = health.status === "ok";
    if (isGood) {
      knowLanguages(model.languages);
      const busy = queue.waiting ? `${queue.waiting} waiting` : queue.running ? `${queue.running} speaking` : "ready";
      said = `${model.id} · ${busy}`;
    } else said = `not ready: ${detail ?? status}`;
    const open = health.jobs.queued + health.jobs.running;
    $("jobs-open").textContent = open;
    show($("jobs-open"), open > 0);
  } catch {
    said = "the gateway does not answer";
  }
  $("health").className = `pill ${isGood ? "good" : "bad"}`;
  if ($("health-text").textContent !== said) $("health-text").textContent = said;
}

document.addEventListener("spoken", lookAtHealth);
lookAtHealth();
fillVoices().catch(tell);
setInterval(lookAtHealth, HEALTH_EVERY_MS);
setInterval(() => { if (!$("jobs").hidden && !document.hidden) listJobs().catch(() => {}); }, JOBS_EVERY_MS);
const wanted = $(`tab-${location.hash.slice(1)}`);
if (wanted) choose(wanted);
