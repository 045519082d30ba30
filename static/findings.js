// What health has found: the words for each kind, the chips beside a status, and the list on a job's page.

import { h, setAttribute, setText } from "./dom.js";
import { count } from "./format.js";
import { chip } from "./widgets.js";

/** Of each kind: what stands in a chip, and what it means in a sentence. The evidence stands in its own detail. */
const KINDS = {
  collapse: ["collapsed", "Many latents give the same few samples: the paper's Helvetica scenario"],
  discriminator_wins: ["D has won", "The discriminator tells everything apart, so the generator learns little"],
  discriminator_weak: ["D too weak", "The discriminator tells little apart, so it has little to teach the generator"],
  memorizing: ["memorizes", "Samples are copies of training examples"],
  bandwidth_edge: ["bandwidth at the edge", "The best bandwidth is the first or the last of its grid: a wider grid may give another score"],
  few_samples: ["few samples", "The score is of few samples, and lower than one of more would be"],
  rolled_back: ["rolled back", "The losses ran away: training went back to a checkpoint and goes on at half the learning rate"],
  stopped_early: ["stopped early", "The scores no longer got better: training stopped before its last step"],
  restarted: ["restarted", "Training began again with another seed"],
  checkpoint_discarded: ["checkpoint discarded", "A checkpoint could not be used and was given up"],
  thread_count_changed: ["threads changed", "Resumed with another number of threads"],
  version_changed: ["version changed", "Resumed by another version of gand"],
  processor_changed: ["processor changed", "Resumed on another type of processor"],
};

/** What happens once; all others last until they end. */
const MOMENTS = new Set(["rolled_back", "stopped_early", "restarted", "checkpoint_discarded"]);
const GRAVITY = ["critical", "warning", "info"];

/** Of a kind that this page does not know yet, its own word. */
function plain(kind) {
  return kind.replaceAll("_", " ");
}

export function shortWord(kind) {
  return KINDS[kind]?.[0] ?? plain(kind);
}

export function meaning(kind) {
  const words = KINDS[kind]?.[1] ?? plain(kind);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Where the findings of a job stand. */
export function findingsAddress(id) {
  return `#/jobs/${id}?show=findings`;
}

/** A job's status, and beside it the gravest finding that holds. */
export function stateChips() {
  const status = chip();
  const comma = h("span", { class: "visually-hidden" }, ", ");
  const found = h("a", { class: "chip" });
  const node = h("span", { class: "state" }, status.node, comma, found);
  return {
    node,
    /** `verdict`: `{kind, severity}`, or null or missing while nothing holds; `id` is the job's. */
    update({ status: word, verdict, id }) {
      status.update(word);
      comma.hidden = found.hidden = !verdict;
      if (!verdict) return;
      setText(found, shortWord(verdict.kind));
      setAttribute(found, "class", `chip ${verdict.severity}`);
      setAttribute(found, "title", meaning(verdict.kind));
      setAttribute(found, "href", findingsAddress(id));
    },
  };
}

/** What a job failed of, in words; null where it did not. */
export function faultOf({ error }) {
  return error && `${error.step ? `Failed in step ${count(error.step)}` : "Failed"}, ${plain(error.kind)}`;
}

export function findingsSection() {
  const body = h("div", { "aria-live": "polite" });
  const node = h("section", { class: "card", id: "findings", tabindex: -1, "aria-label": "Findings" }, h("div", { class: "card-head" }, h("h2", {}, "Findings")), body);
  let key = null;
  return {
    node,
    update(job) {
      const findings = job.health ?? [];
      const begun = job.progress.step > 0;
      const now = JSON.stringify([findings, job.error, begun]);
      if (now === key) return;
      key = now;
      const ended = findings.filter(hasEnded).sort((a, b) => b.until_step - a.until_step);
      const holding = findings.filter((finding) => !hasEnded(finding)).sort(byGravity).map(item);
      if (job.error) holding.unshift(h("li", { class: "critical" }, h("strong", {}, faultOf(job)), h("p", {}, job.error.detail)));
      body.replaceChildren(
        holding.length > 0 ? h("ul", { class: "findings" }, holding) : h("p", { class: "muted" }, nothing(begun, ended.length > 0)),
        ...(ended.length === 0 ? [] : [h("details", { class: "ended" }, h("summary", {}, `${ended.length} that no longer ${ended.length === 1 ? "holds" : "hold"}`), h("ul", { class: "findings" }, ended.map(item)))]));
    },
  };
}

function nothing(begun, ended) {
  if (!begun) return "Nothing to judge yet.";
  return ended ? "Nothing stands out now." : "Nothing stands out.";
}

function hasEnded({ until_step: until }) {
  return until !== null && until !== undefined;
}

function byGravity(a, b) {
  return GRAVITY.indexOf(a.severity) - GRAVITY.indexOf(b.severity) || b.step - a.step;
}

function item(finding) {
  const over = hasEnded(finding);
  return h("li", { class: over ? "info" : finding.severity },
    !over && finding.severity !== "info" && h("span", { class: `chip ${finding.severity}` }, finding.severity),
    h("strong", {}, meaning(finding.kind)), h("p", {}, finding.detail), h("p", { class: "muted" }, when(finding)));
}

/** The steps for which a finding held, or since when it holds. */
function when({ kind, step, until_step: until }) {
  if (MOMENTS.has(kind) || kind.endsWith("_changed")) return `At step ${count(step)}`;
  return until === null || until === undefined ? `Since step ${count(step)}` : `Steps ${count(step)} to ${count(until)}`;
}
