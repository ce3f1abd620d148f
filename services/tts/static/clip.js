// The clip to clone: chosen, dropped or recorded, with what it says.
import { Microphone } from "./audio.js";
import { $, show, tell } from "./page.js";

let file = null;
let microphone = null;

/** The clip that is to be cloned; null for a known voice. */
export const clip = () => file;
export const transcript = () => $("transcript").value.trim();

export function useClip(chosen) {
  file = chosen;
  const player = $("clip-player");
  if (player.src) URL.revokeObjectURL(player.src);
  if (file) {
    player.src = URL.createObjectURL(file);
    $("clip-name").textContent = file.name;
  } else {
    player.removeAttribute("src");
    $("file").value = "";
    $("transcript").value = "";
  }
  show($("clip"), Boolean(file));
  show($("clip-ways"), !file);
  show($("known"), !file);
}

$("file").addEventListener("change", (event) => event.target.files[0] && useClip(event.target.files[0]));
$("forget-clip").addEventListener("click", () => { useClip(null); $("voice").focus(); });

for (const kind of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) useClip(event.dataTransfer.files[0]);
  });
}

$("record").addEventListener("click", async () => {
  tell(null);
  try {
    if (microphone) {
      const recorded = microphone;
      microphone = null;
      useClip(await recorded.stop());
    } else {
      const starting = new Microphone((level, seconds) => {
        $("level").value = Math.min(1, 4 * level);
        $("record-text").textContent = `Stop · ${seconds.toFixed(0)} s`;
      });
      await starting.start();
      microphone = starting;
    }
  } catch (error) {
    microphone = null;
    tell({ problem: { title: "The microphone cannot be used", detail: error.message } });
  }
  $("record").classList.toggle("recording", Boolean(microphone));
  $("record-text").textContent = microphone ? "Stop" : "Record";
  show($("level"), Boolean(microphone));
});
