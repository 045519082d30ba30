// The live curves of a job.

import { get, query, throttled } from "./api.js";
import { ChartGroup, LineChart } from "./chart.js";
import { h } from "./dom.js";
import { fixed } from "./format.js";
import { smoothingControl } from "./widgets.js";

const KEYS = ["d_loss", "g_loss", "value", "d_real", "d_fake"];
const POINTS = 1000;

export function chartsSection(job) {
  const group = new ChartGroup();
  const path = `/jobs/${job.id}/metrics`;
  let overview = empty();
  let detail = null;

  const losses = new LineChart({
    group, title: "Losses", height: 260, format: (value) => fixed(value, 4),
    series: [{ key: "d_loss", label: "Discriminator", tone: "d" }, { key: "g_loss", label: "Generator", tone: "g" }],
    references: [{ value: Math.LN2, label: "ln 2", keep: true }],
  });
  const value = new LineChart({
    group, title: "Value V(G, D)", height: 170, format: (value) => fixed(value, 4),
    series: [{ key: "value", label: "V", tone: "v" }],
    references: [{ value: -Math.log(4), label: "−log 4", keep: true }],
  });
  const beliefs = new LineChart({
    group, title: "What the discriminator believes", height: 170, domain: [0, 1], format: (value) => fixed(value, 3),
    series: [{ key: "d_real", label: "D(x)", tone: "d" }, { key: "d_fake", label: "D(G(z))", tone: "g" }],
    references: [{ value: 0.5, label: "½" }],
  });
  const charts = [losses, value, beliefs];

  const node = h("section", { class: "card charts", "aria-label": "Training curves" },
    h("div", { class: "card-head" }, h("h2", {}, "Training"),
      smoothingControl(charts)),
    charts.map((chart) => chart.element),
    h("details", { class: "explain" }, h("summary", {}, "How to read this"),
      h("p", {}, "Two networks play against each other, so losses that do not fall are no fault. At ", h("strong", {}, "ln 2 ≈ 0.693"),
        " the discriminator can tell nothing apart; there V is −log 4 and D(x) and D(G(z)) are both ½. (V + log 4)/2 is a lower bound, as far as D is trained, on the Jensen-Shannon divergence between data and samples. Drag to zoom; Escape shows all.")));

  function show() {
    const columns = group.window && detail ? detail : overview;
    for (const chart of charts) chart.setData(columns.step, columns);
  }

  // One worker for both, so that a whole load and a growth never mix: `whole` is set by whoever needs all anew.
  let whole = true;
  const sync = throttled(async () => {
    const last = overview.step[overview.step.length - 1] ?? 0;
    if (whole || last === 0 || overview.step.length > 2.5 * POINTS) {
      // Thinned anew before it grows heavy.
      whole = false;
      overview = numbers(await get(`${path}${query({ max_points: POINTS })}`));
    } else {
      const more = numbers(await get(`${path}${query({ from_step: last + 1, max_points: POINTS })}`));
      for (const key of ["step", ...KEYS]) overview[key] = overview[key].concat(more[key]);
    }
    show();
  }, 1000, () => {
    whole = true;
  });

  const zoom = throttled(async () => {
    const window = group.window;
    if (!window) return;
    const columns = numbers(await get(`${path}${query({ from_step: window[0], to_step: window[1], max_points: POINTS })}`));
    if (group.window !== window) return;
    detail = columns;
    show();
  }, 150, () => {});

  group.onWindow = (window) => {
    detail = null;
    show();
    if (window) zoom();
  };
  return {
    node,
    group,
    grow: sync,
    refresh() {
      whole = true;
      sync();
    },
    close() {
      for (const work of [sync, zoom]) work.stop();
      for (const chart of charts) chart.destroy();
    },
  };
}

function empty() {
  return Object.fromEntries(["step", ...KEYS].map((key) => [key, []]));
}

function numbers(columns) {
  return Object.fromEntries(["step", ...KEYS].map((key) => [key, columns[key] ?? []]));
}
