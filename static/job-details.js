// Findings, the log and the spec of a job.

import { get, query, throttled } from "./api.js";
import { h, setText } from "./dom.js";
import { bytes, clock, count, score } from "./format.js";
import { differences } from "./pointer.js";
import { copyable, recipes } from "./widgets.js";

/** What a finding means, in words; its evidence stands in its own detail. */
const FINDINGS = {
  collapse: "Many latents give the same few samples: the paper's Helvetica scenario",
  discriminator_wins: "The discriminator tells everything apart, so the generator learns little",
  rolled_back: "The losses ran away: training went back to a checkpoint and goes on at half the learning rate",
  stopped_early: "The scores no longer got better: training stopped before its last step",
  checkpoint_discarded: "A checkpoint could not be used and was given up",
  thread_count_changed: "Resumed with another number of threads",
  version_changed: "Resumed by another version of gand",
  processor_changed: "Resumed on another type of processor",
};

/** What a job failed of, in words; null where it did not. */
export function faultOf({ error }) {
  return error && `${error.step ? `Failed in step ${count(error.step)}` : "Failed"}, ${error.kind.replaceAll("_", " ")}`;
}

export function healthSection() {
  const body = h("div", { "aria-live": "polite" });
  let key = null;
  return {
    node: h("section", { class: "card", "aria-label": "Health" }, h("div", { class: "card-head" }, h("h2", {}, "Health")), body),
    update(job) {
      const findings = job.health ?? [];
      const begun = job.progress.step > 0;
      const now = JSON.stringify([findings, job.error, begun]);
      if (now === key) return;
      key = now;
      const all = findings.map((finding) => h("li", { class: finding.severity },
        h("strong", {}, FINDINGS[finding.kind] ?? finding.kind.replaceAll("_", " ")), h("p", {}, finding.detail), h("p", { class: "muted" }, `Step ${count(finding.step)}`)));
      if (job.error) all.unshift(h("li", { class: "critical" }, h("strong", {}, faultOf(job)), h("p", {}, job.error.detail)));
      body.replaceChildren(all.length > 0 ? h("ul", { class: "findings" }, all)
        : h("p", { class: "muted" }, begun ? "Nothing stands out: no collapse, no divergence." : "Nothing to judge yet."));
    },
  };
}

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
      return `${FINDINGS[data.kind] ?? sentence((data.kind ?? "finding").replaceAll("_", " "))}${at}`;
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
