// The datasets that gand can see.

import { get, onConnection, throttled } from "./api.js";
import { h } from "./dom.js";
import { count, shape } from "./format.js";
import { problemNote } from "./widgets.js";

export function datasetsPage(root) {
  document.title = "Datasets · gand";
  const cards = h("div", { class: "cards" });
  root.append(
    h("div", { class: "page-head" }, h("h1", {}, "Datasets"),
      h("p", { class: "muted" }, "Built in, synthetic, or found under the data directory.")),
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
  const train = h("div", { class: "actions" }, h("a", { class: "button primary", href: `#/new?dataset=${encodeURIComponent(name)}` }, "Train on it"));
  root.append(h("div", { class: "page-head" }, h("div", {}, h("a", { class: "crumb", href: "#/datasets" }, "Datasets"), h("h1", {}, name)),
    train), body);
  const load = throttled(async () => {
    const set = await get(`/datasets/${encodeURIComponent(name)}`);
    train.hidden = !set.available;
    body.replaceChildren(h("div", { class: "dataset" },
      h("div", { class: "card" }, picture(set, 100)),
      h("div", { class: "card" }, facts(set, true))));
  }, 300, (problem) => problem.status && body.replaceChildren(problemNote(problem)));
  load();
  return { close: () => load.stop() };
}

function card(set) {
  return h("article", { class: "card dataset-card" },
    picture(set, 64),
    h("div", { class: "dataset-text" },
      h("h2", {}, h("a", { class: "row-link", href: `#/datasets/${encodeURIComponent(set.name)}` }, set.name)),
      facts(set, false)));
}

function picture(set, examples) {
  if (!set.available) return h("div", { class: "picture" }, h("p", { class: "muted" }, set.reason ?? "Its files are missing."));
  const image = h("img", {
    class: set.shape?.height > 1 ? "samples" : "samples plotted", alt: `${examples} examples of ${set.name}`, loading: "lazy", width: 320, height: 320,
    src: `/datasets/${encodeURIComponent(set.name)}/preview`,
  });
  const holder = h("div", { class: "picture" }, image);
  image.addEventListener("error", () => holder.replaceChildren(h("p", { class: "muted" }, "No preview of this set.")));
  return holder;
}

function facts(set, all) {
  const rows = [
    ["Shape", shape(set.shape)],
    ...["train", "validation", "test"].map((split) => [split[0].toUpperCase() + split.slice(1), count(set.counts?.[split])]),
    ["Licence", set.licence],
    all && ["Origin", set.origin],
    all && set.label_names?.length && ["Labels", set.label_names.join(", ")],
    all && set.digest && ["Digest", h("code", { class: "digest" }, set.digest)],
  ].filter(Boolean);
  return h("dl", { class: "facts" }, rows.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value ?? "–"))));
}
