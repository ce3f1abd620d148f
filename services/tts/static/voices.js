// Voices: choosing one, hearing its clip, adding and deleting.
import { $, address, asked, icon, make, question, show, tell } from "./page.js";

const sample = new Audio();
let playing = null; // the button whose clip is heard

function quiet() {
  playing?.replaceChildren(icon("play"));
  playing = null;
}
sample.addEventListener("ended", quiet);
sample.addEventListener("pause", quiet);

/** Plays a voice's clip from `button`, or stops it. */
async function hear(button, name) {
  const wasPlaying = playing === button;
  sample.pause();
  quiet();
  if (wasPlaying) return;
  try {
    sample.src = await address(`voices/${encodeURIComponent(name)}/audio`);
    await sample.play();
    playing = button;
    button.replaceChildren(icon("pause"));
  } catch (error) { tell(error); }
}

for (const [button, choice] of [["sample", "voice"], ["target-sample", "target"]]) {
  $(button).addEventListener("click", () => $(choice).value && hear($(button), $(choice).value));
}

/** Fills the choices of voices; gives them. */
export async function fillVoices(chosen) {
  const { voices, default: first } = await (await asked("voices")).json();
  const target = $("target").value;
  for (const choice of [$("voice"), $("target")]) {
    choice.replaceChildren(...voices.map(({ name }) => new Option(name, name)));
  }
  $("voice").value = chosen ?? first ?? "";
  $("target").value = voices.some(({ name }) => name === target) ? target : first ?? voices[0]?.name ?? "";
  return voices;
}

export async function listVoices() {
  const voices = await fillVoices($("voice").value || undefined);
  show($("voice-none"), !voices.length);
  $("voice-list").replaceChildren(...voices.map(entry));
}

function entry(voice) {
  const { name } = voice;
  const listen = make("button", { type: "button", className: "icon", aria: { label: `Play the clip of ${name}` } }, icon("play"));
  listen.addEventListener("click", () => hear(listen, name));
  const use = make("button", { type: "button", textContent: "Use", aria: { label: `Use ${name}` } });
  use.addEventListener("click", () => {
    $("voice").value = name;
    document.dispatchEvent(new CustomEvent("choose-tab", { detail: "speak" }));
    $("text").focus();
  });
  const text = voice.text ? `“${voice.text}”` : "no transcript";
  const facts = make("div", { className: "grow" }, make("h3", { textContent: name }),
    make("p", { className: "hint", textContent: `${voice.seconds.toFixed(1)} s · ${text}` }));
  const item = make("li", {}, listen, facts, use);
  if (!voice.builtin) item.append(remover(name));
  return item;
}

function remover(name) {
  const button = make("button", { type: "button", className: "quiet danger", textContent: "Delete", aria: { label: `Delete ${name}` } });
  button.addEventListener("click", async () => {
    const text = "Its clips and everything derived from them are removed.";
    if (!await question({ title: `Delete ${name}?`, text, yes: "Delete" })) return;
    try {
      await asked(`voices/${encodeURIComponent(name)}`, { method: "DELETE" });
      await listVoices();
    } catch (error) { tell(error); }
  });
  return button;
}

$("new-voice").addEventListener("submit", async (event) => {
  event.preventDefault();
  tell(null);
  const body = new FormData();
  body.append("name", $("new-name").value.trim());
  for (const file of $("new-clips").files) body.append("audio", file);
  if ($("new-text").value.trim()) body.append("text", $("new-text").value.trim());
  try {
    await asked("voices", { method: "POST", body });
    event.target.reset();
    await listVoices();
  } catch (error) { tell(error); }
});
