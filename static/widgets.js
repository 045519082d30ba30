// Pieces that several pages show.

import { Problem, get } from "./api.js";
import { h, setAttribute, setText } from "./dom.js";
import { ago, count, duration } from "./format.js";

export const STATUSES = ["queued", "running", "pausing", "paused", "cancelling", "cancelled", "succeeded", "failed"];
export const ACTIVE = new Set(["queued", "running", "pausing", "cancelling"]);
/** Data whose density is known. */
export const DENSITIES = new Set(["gaussian-1d", "mixture-1d", "ring-2d", "grid-2d"]);
export const FINISHED = new Set(["cancelled", "succeeded", "failed"]);

export function chip() {
  const node = h("span", { class: "chip" });
  return {
    node,
    update(status) {
      setText(node, status);
      setAttribute(node, "class", `chip ${status}`);
    },
  };
}

export function progressBar(label) {
  const node = h("progress", { max: 1, value: 0, "aria-label": label });
  return {
    node,
    update(job) {
      const { step = 0, steps = 1 } = job.progress ?? {};
      const share = steps > 0 ? step / steps : 0;
      if (node.value !== share) node.value = share;
      setAttribute(node, "class", job.status);
      setAttribute(node, "aria-valuetext", `step ${count(step)} of ${count(steps)}`);
    },
  };
}

/** What is left, in words that fit a status. */
export function remaining(job) {
  if (job.status === "running") return duration(job.progress?.eta_seconds);
  if (job.status === "queued" && job.queue) {
    const { position, ahead } = job.queue;
    return ahead === 0 || position === 1 ? "next" : `${ahead ?? position - 1} ahead`;
  }
  // From its first start to its end it may have waited for long: how long it took shows only in its events.
  return job.finished_at ? `ended ${ago(job.finished_at)}` : "–";
}

export function problemNote(problem) {
  return h("div", { class: "note bad", role: "alert" },
    h("strong", {}, problem.title ?? "That did not work"), h("p", {}, problem.message),
    problem.requestId && h("p", { class: "muted" }, `Request ${problem.requestId}`));
}

export function copyable(text, shownAs = text) {
  const button = h("button", {
    type: "button", class: "copy", title: `Copy ${text}`,
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(text);
        setText(button, "copied");
      } catch {
        // No clipboard (a page not served from this machine): let it be copied by hand.
        setText(button, text);
      }
      setTimeout(() => setText(button, shownAs), 1500);
    },
  }, shownAs);
  return button;
}

/** What this browser remembers under a name; without storage, nothing. */
function remembered(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // It holds until the page is loaded again.
  }
}

export const NO_SEED = "A seed is a whole number, 0 or more.";

/** A seed to draw with, and a button for another. `read` gives null while it is none. */
export function seedControl(id, changed) {
  const input = h("input", { id, type: "number", min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, value: 0, required: true, inputmode: "numeric", onchange: changed });
  const dice = h("button", {
    type: "button", class: "button", title: "Other latents",
    onclick: () => { input.value = 1 + Math.floor(Math.random() * 99_999); changed(); },
  }, "New seed");
  return {
    input,
    dice,
    read() {
      const good = input.checkValidity();
      setAttribute(input, "aria-invalid", good ? null : "true");
      return good ? String(input.valueAsNumber) : null;
    },
  };
}

/** Waits until a picture can be shown; throws a Problem that says why it cannot. */
export async function decoded(image) {
  try {
    await image.decode();
  } catch {
    // An image does not tell what the server said; asked again, it says so.
    await get(image.src, { raw: true });
    throw new Problem({ title: "No picture", detail: "The picture could not be read." });
  }
}

/** The slider that smooths these charts; what was chosen is remembered. */
export function smoothingControl(charts) {
  const slider = h("input", { type: "range", id: "smoothing", min: 0, max: 0.98, step: 0.02, value: remembered("smoothing") ?? 0.8, oninput: smooth });
  function smooth() {
    remember("smoothing", slider.value);
    for (const chart of charts) chart.setSmoothing(Number(slider.value));
  }
  smooth();
  return h("div", { class: "control" }, h("label", { for: "smoothing" }, "Smoothing"), slider);
}

const known = {};

function once(path) {
  known[path] ??= get(path).then((page) => page.items).catch((error) => {
    delete known[path];
    throw error;
  });
  return known[path];
}

/** The datasets, asked for once a visit, and again after one was added or taken away. */
export const datasets = () => once("/datasets?limit=200");

export function forgetDatasets() {
  delete known["/datasets?limit=200"];
}

/** The recipes, asked for once a visit. */
export const recipes = () => once("/recipes");
