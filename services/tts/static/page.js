// What all parts of the page use: elements, requests with the key if one is needed, problems, questions.

export const $ = (id) => document.getElementById(id);
export const show = (element, visible) => { element.hidden = !visible; };

/** A new element: its properties, then what is in it. */
export function make(tag, properties = {}, ...children) {
  const { aria = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
  element.append(...children);
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

const KEY = "sovits-serve-key";
export const key = () => sessionStorage.getItem(KEY);

function withKey(options) {
  return key() ? { ...options, headers: { ...options.headers, Authorization: `Bearer ${key()}` } } : options;
}

/** The reply, if it is a good one; else an error with the problem in it. Asks for a key where one is missing. */
export async function asked(path, options = {}) {
  let reply = await fetch(path, withKey(options));
  if (reply.status === 401) {
    const given = await question({
      title: "This server asks for a key", text: "It is kept until you close the tab.", label: "Key", yes: "Go on", secret: true,
    });
    if (given) {
      sessionStorage.setItem(KEY, given);
      reply = await fetch(path, withKey(options));
    }
  }
  if (reply.ok) return reply;
  let problem;
  try { problem = await reply.json(); } catch { problem = { title: `The gateway answered ${reply.status}` }; }
  throw Object.assign(new Error(problem.title), { problem });
}

/** An address for a player or a link: the file itself, or its bytes where only a request with the key gets it. */
export async function address(path) {
  return key() ? URL.createObjectURL(await (await asked(path)).blob()) : path;
}

/** The server-sent events of a path, as parsed JSON. */
export async function* events(path, signal) {
  const reader = (await asked(path, { signal })).body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      if (data.length) yield JSON.parse(data.join("\n"));
    }
  }
}

/** Shows what went wrong, where everybody sees and hears it; nothing clears it. */
export function tell(error) {
  const box = $("problem");
  box.replaceChildren();
  show(box, Boolean(error));
  if (!error) return;
  const problem = error.problem ?? { title: "That did not work", detail: error.message };
  box.append(make("strong", { textContent: problem.title }), make("span", { textContent: problem.detail ?? "" }));
  if (problem.supported) box.append(make("span", { textContent: `Possible are: ${problem.supported.join(", ")}.` }));
  if (problem.request_id) box.append(make("small", { textContent: `request ${problem.request_id}` }));
  box.append(make("button", { type: "button", className: "quiet", textContent: "Dismiss", onclick: () => tell(null) }));
  box.scrollIntoView({ block: "nearest" });
}

/** What is typed into a dialog; null if it is closed without. */
export function question({ title, text = "", label, yes, secret = false }) {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-label").textContent = label ?? "";
  show($("ask-value").parentElement, Boolean(label));
  $("ask-yes").textContent = yes;
  Object.assign($("ask-value"), { value: "", type: secret ? "password" : "text", required: Boolean(label) });
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const agreed = dialog.returnValue === "yes";
      resolve(agreed ? (label ? $("ask-value").value : true) : null);
    }, { once: true });
  });
}
