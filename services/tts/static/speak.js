// The form for speaking a text: in a voice that is known here, or in that of a clip.
import { clipField } from "./clip.js";
import { hear, queue } from "./listen.js";
import { $, show } from "./page.js";
import { fillVoices } from "./voices.js";

const CHARACTERS_A_SECOND = 14; // about, for the width of a waveform that is not whole yet

const clip = clipField("", (file) => {
  show($("known"), !file);
  if (!file) $("transcript").value = "";
});

function wish() {
  const fields = { text: $("text").value, language: $("language").value, speed: Number($("speed").value),
    pause_seconds: Number($("pause").value) };
  if ($("seed").value !== "") fields.seed = Number($("seed").value);
  if ($("loudness").value) fields.loudness = Number($("loudness").value);
  const file = clip.file();
  const transcript = $("transcript").value.trim();
  if (file) { if (transcript) fields.reference_text = transcript; }
  else if ($("voice").value) fields.voice = $("voice").value;
  const seconds = fields.text.length / CHARACTERS_A_SECOND / fields.speed;
  return { path: "tts", fields, files: file ? { reference_audio: file } : {}, seconds, clip: file };
}

$("form").addEventListener("submit", (event) => { event.preventDefault(); hear(wish()); });
$("queue").addEventListener("click", () => { if ($("form").reportValidity()) queue(wish()); });
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
});
const count = () => { $("count").textContent = $("text").value.length.toLocaleString("en"); };
$("text").addEventListener("input", count);
$("speed").addEventListener("input", () => { $("speed-shown").textContent = `${Number($("speed").value)}×`; });
$("pause").addEventListener("input", () => { $("pause-shown").textContent = `${$("pause").value} s`; });
$("forget-clip").addEventListener("click", () => { clip.use(null); $("voice").focus(); });
document.addEventListener("voice-kept", ({ detail }) => { clip.use(null); fillVoices(detail); });
count();
