// A recording to be chosen, dropped or made here: the clip to clone, the recording to be spoken again.
import { Microphone } from "./audio.js";
import { $, show, tell } from "./page.js";

/** The field whose elements are called `<prefix>file`, `<prefix>record` … `onChange` hears of what is chosen. */
export function clipField(prefix, onChange = () => {}) {
  const part = (name) => $(`${prefix}${name}`);
  let file = null;
  let microphone = null;

  function use(chosen) {
    file = chosen;
    const player = part("clip-player");
    if (player.src) URL.revokeObjectURL(player.src);
    if (file) {
      player.src = URL.createObjectURL(file);
      part("clip-name").textContent = file.name;
    } else {
      player.removeAttribute("src");
      part("file").value = "";
    }
    show(part("clip"), Boolean(file));
    show(part("clip-ways"), !file);
    onChange(file);
  }

  async function record() {
    tell(null);
    try {
      if (microphone) {
        const recorded = microphone;
        microphone = null;
        use(await recorded.stop());
      } else {
        const starting = new Microphone((level, seconds) => {
          part("level").value = Math.min(1, 4 * level);
          part("record-text").textContent = `Stop · ${seconds.toFixed(0)} s`;
        });
        await starting.start();
        microphone = starting;
      }
    } catch (error) {
      microphone = null;
      tell({ problem: { title: "The microphone cannot be used", detail: error.message } });
    }
    part("record").classList.toggle("recording", Boolean(microphone));
    part("record-text").textContent = microphone ? "Stop" : "Record";
    show(part("level"), Boolean(microphone));
  }

  part("file").addEventListener("change", (event) => event.target.files[0] && use(event.target.files[0]));
  part("record").addEventListener("click", record);
  const drop = part("drop");
  for (const kind of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files[0]) use(event.dataTransfer.files[0]);
    });
  }
  return { use, file: () => file, seconds: () => part("clip-player").duration };
}
