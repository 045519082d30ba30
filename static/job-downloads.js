// What can be taken away from a job.

import { get, throttled } from "./api.js";
import { h } from "./dom.js";
import { bytes, count } from "./format.js";

/** Calls `onCheckpoints` with whether there are any. */
export function downloadsSection(job, onCheckpoints) {
  const path = `/jobs/${job.id}`;
  const list = h("div", {});
  const samples = h("a", { class: "button", href: `${path}/samples?format=npz&count=1000`, download: `${job.id}-samples.npz` }, "1,000 samples, NPZ");
  samples.hidden = true;
  const node = h("section", { class: "card", "aria-label": "Downloads" }, h("div", { class: "card-head" }, h("h2", {}, "Downloads")),
    h("div", { class: "actions" },
      h("a", { class: "button", href: `${path}/metrics?format=csv`, download: `${job.id}-metrics.csv` }, "Metrics, CSV"),
      samples),
    list);
  const refresh = throttled(async () => {
    const { items } = await get(`${path}/checkpoints?limit=200`);
    samples.hidden = items.length === 0;
    onCheckpoints(items.length > 0);
    list.replaceChildren(...(items.length ? [h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Checkpoint"), h("th", { scope: "col", class: "number" }, "Size"), h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, "Actions")))),
      h("tbody", {}, [...items].sort((a, b) => b.step - a.step).map((item) => h("tr", {},
        h("td", {}, h("a", { href: `${path}/checkpoints/${item.step}`, download: `${job.id}-${item.step}.safetensors` }, `Step ${count(item.step)}`), item.best && h("span", { class: "tag" }, "best")),
        h("td", { class: "number" }, bytes(item.size_bytes)),
        h("td", { class: "number" }, h("a", { href: `#/new?from=${job.id}&step=${item.step}` }, "Fork"))))))] : []));
  }, 1000, () => {});
  return { node, refresh, close: () => refresh.stop() };
}
