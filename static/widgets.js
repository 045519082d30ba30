// Pieces that several pages show.

import { get } from "./api.js";
import { h, setAttribute, setText } from "./dom.js";
import { count, duration } from "./format.js";

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
  if (job.started_at && job.finished_at) return `took ${duration((Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000)}`;
  return "–";
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

/** The slider that smooths these charts; what was chosen is remembered. */
export function smoothingControl(charts) {
  const slider = h("input", { type: "range", id: "smoothing", min: 0, max: 0.98, step: 0.02, value: localStorage.getItem("smoothing") ?? 0.8, oninput: smooth });
  function smooth() {
    localStorage.setItem("smoothing", slider.value);
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
