// The log and the spec of a job.

import { get, query, throttled } from "./api.js";
import { h, setText } from "./dom.js";
import { meaning } from "./findings.js";
import { bytes, clock, count, score } from "./format.js";
import { differences } from "./pointer.js";
import { copyable, recipes } from "./widgets.js";

const LOG_LENGTH = 200;

export function eventsSection(job) {
  const list = h("ol", { class: "log", reversed: true, tabindex: 0, "aria-label": "Events, newest first" });
  const empty = h("p", { class: "muted" }, "Nothing has happened yet.");
  const node = h("section", { class: "card", "aria-label": "Events" }, h("div", { class: "card-head" }, h("h2", {}, "Events")), empty, list);
  let newestId = 0;
  const load = throttled(async () => {
    // Of what is told in words only; a long job has thousands of other events.
    const { items } = await get(`/jobs/${job.id}/events${query({ format: "json", tail: 200, kind: "status,checkpoint,evaluation,health" })}`);
    for (const event of items) add(event.kind, event);
  }, 1000, () => {});

  function add(kind, event) {
    if (event.id <= newestId) return;
    const text = words(kind, event, job);
    if (!text) return;
    newestId = event.id;
    empty.hidden = true;
    // Checkpoints one after another take one line: what else happened stays in sight.
    const newest = list.firstElementChild;
    if (kind === "checkpoint" && newest?.classList.contains("checkpoint")) newest.remove();
    list.prepend(h("li", { class: `event ${kind}` }, h("time", { datetime: event.at, title: event.at }, clock(event.at)), h("span", {}, text)));
    while (list.childElementCount > LOG_LENGTH) list.lastElementChild.remove();
  }
  return { node, refresh: load, close: () => load.stop() };
}

function words(kind, event) {
  const data = event.data ?? {};
  const step = event.step ?? data.step;
  const at = step === null || step === undefined ? "" : ` at step ${count(step)}`;
  switch (kind) {
    case "status":
      return data.message ? sentence(data.message).replace(/(?<=step )\d+/g, (step) => count(Number(step))) : `${sentence(data.status ?? "")}${at}`;
    case "checkpoint":
      return `Checkpoint${at}${data.size_bytes ? `, ${bytes(data.size_bytes)}` : ""}`;
    case "evaluation":
      return Number.isFinite(data.log_likelihood)
        ? `Parzen ${score(data)} nats${at}`
        : `Evaluation${at}${data.state ? ` ${data.state}` : ""}${data.error ? `: ${data.error}` : ""}`;
    case "health":
      return `${meaning(data.kind ?? "finding")}${at}`;
    default:
      return null;
  }
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function specSection(job) {
  const text = JSON.stringify(job.spec, null, 2);
  const code = h("pre", { class: "code", tabindex: 0, "aria-label": "Spec" }, text);
  const changes = h("div", { class: "changes" });
  recipes().then((list) => {
    const recipe = list.find(({ name }) => name === job.spec.recipe);
    if (!recipe) return;
    const found = differences(job.spec, recipe.settings);
    changes.append(found.length === 0 ? h("p", { class: "muted" }, `As the recipe ${recipe.name} has it.`)
      : h("dl", { class: "facts" }, found.map(({ pointer, was, is }) => h("div", {},
        h("dt", {}, h("code", {}, pointer.slice(1).replaceAll("/", "."))), h("dd", {}, `${JSON.stringify(is)}, not the recipe's ${JSON.stringify(was)}`)))));
  }, () => {
    // Without the recipes the spec is still whole; only the comparison is missing.
  });
  return {
    node: h("section", { class: "card", "aria-label": "Spec" },
      h("details", {}, h("summary", {}, h("h2", {}, "Spec")), changes, h("div", { class: "actions end" }, copyable(text, "Copy")), code)),
    update(job) {
      setText(code, JSON.stringify(job.spec, null, 2));
    },
  };
}
