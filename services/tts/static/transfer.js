// The form for speaking a recording again in another voice.
import { clipField } from "./clip.js";
import { hear, queue } from "./listen.js";
import { $, tell } from "./page.js";

const source = clipField("source-");

/** Null, and told why, while there is no recording. */
function wish() {
  const file = source.file();
  if (!file) {
    tell({ problem: { title: "Which recording?", detail: "Choose a file or record one." } });
    $("source-file").focus();
    return null;
  }
  const fields = { text: $("said").value.trim(), language: $("said-language").value, voice: $("target").value,
    speed: Number($("pace").value) };
  if ($("source-seed").value !== "") fields.seed = Number($("source-seed").value);
  return { path: "transfer", fields, files: { source: file }, seconds: (source.seconds() || 1) / fields.speed, clip: null };
}

$("transfer-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const asked = wish();
  if (asked) hear(asked);
});
$("transfer-queue").addEventListener("click", () => {
  const asked = $("transfer-form").reportValidity() && wish();
  if (asked) queue(asked);
});
$("pace").addEventListener("input", () => { $("pace-shown").textContent = `${Number($("pace").value)}×`; });
$("forget-source").addEventListener("click", () => { source.use(null); $("source-file").focus(); });
