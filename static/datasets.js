// The datasets that gand can see.

import { Problem, get, onConnection, query, remove, throttled } from "./api.js";
import { ask, h, toast } from "./dom.js";
import { count, shape } from "./format.js";
import { forgetDatasets, problemNote } from "./widgets.js";

export function datasetsPage(root) {
  document.title = "Datasets · gand";
  const cards = h("div", { class: "cards" });
  root.append(
    h("div", { class: "page-head" }, h("div", {}, h("h1", {}, "Datasets"), h("p", { class: "muted" }, "Built in, found under the data directory, or uploaded.")),
      h("a", { class: "button", href: "#/upload" }, "Upload a dataset")),
    cards);
  const load = throttled(async () => {
    const { items } = await get("/datasets?limit=200");
    cards.replaceChildren(...items.map(card));
  }, 300, (problem) => problem.status && cards.replaceChildren(problemNote(problem)));
  load();
  const unsubscribe = onConnection((online) => online && cards.childElementCount === 0 && load());
  return { close() { load.stop(); unsubscribe(); } };
}

export function datasetPage(root, [name]) {
  document.title = `${name} · gand`;
  const body = h("div", {});
  const path = `/datasets/${encodeURIComponent(name)}`;
  const drop = h("button", { type: "button", class: "button danger-text", onclick: () => take() }, "Remove");
  const train = h("div", { class: "actions" }, drop, h("a", { class: "button primary", href: `#/new?dataset=${encodeURIComponent(name)}` }, "Train on it"));
  train.hidden = true;
  root.append(h("div", { class: "page-head" }, h("div", {}, h("a", { class: "crumb", href: "#/datasets" }, "Datasets"), h("h1", {}, name)),
    train), body);
  const load = throttled(async () => {
    const set = await get(path);
    train.hidden = !set.available;
    drop.hidden = !set.uploaded;
    body.replaceChildren(h("div", { class: "dataset" },
      h("div", { class: "card" }, picture(set, 100)),
      h("div", { class: "card" }, facts(set, true))));
  }, 300, (problem) => problem.status && body.replaceChildren(problemNote(problem)));
  load();

  async function take() {
    if (!(await ask({ title: `Remove ${name}?`, body: "Its files go for good. Jobs that trained on it keep what they learned, but cannot go on.", confirm: "Remove it", danger: true }))) return;
    try {
      await remove(path);
      forgetDatasets();
      location.hash = "#/datasets";
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      toast(problem.message);
    }
  }
  const unsubscribe = onConnection((online) => online && load());
  return { close() { load.stop(); unsubscribe(); } };
}

function card(set) {
  return h("article", { class: "card dataset-card" },
    picture(set, 64),
    h("div", { class: "dataset-text" },
      h("h2", {}, h("a", { class: "row-link", href: `#/datasets/${encodeURIComponent(set.name)}` }, set.name)),
      facts(set, false)));
}

/** The first examples of a set. */
export function picture(set, examples) {
  if (!set.available) return h("div", { class: "picture" }, h("p", { class: "muted" }, "Not here"));
  const shown = Math.min(examples, set.counts?.train ?? examples);
  const image = h("img", {
    class: set.shape?.height > 1 ? "samples" : "samples plotted", alt: `${count(shown)} training examples of ${set.name}`, loading: "lazy", width: 320, height: 320,
    src: `/datasets/${encodeURIComponent(set.name)}/preview${query({ count: examples })}`,
  });
  const holder = h("div", { class: "picture" }, image);
  image.addEventListener("error", () => holder.replaceChildren(h("p", { class: "muted" }, "No preview of this set.")));
  return holder;
}

/** What is known of a set; all of it, or what fits a card. */
export function facts(set, all) {
  const rows = [
    !set.available && ["Why not", set.reason ?? "Its files are missing."],
    set.shape && ["Shape", shape(set.shape)],
    ...["train", "validation", "test"].map((split) => set.counts && [split[0].toUpperCase() + split.slice(1), count(set.counts[split])]),
    ["Licence", set.licence],
    all && ["Origin", set.origin],
    all && set.label_names?.length && ["Labels", set.label_names.join(", ")],
    all && set.digest && ["Digest", h("code", { class: "digest" }, set.digest)],
  ].filter(Boolean);
  return h("dl", { class: "facts" }, rows.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value ?? "–"))));
}
