// The live curves of a job.

import { get, query, throttled } from "./api.js";
import { ChartGroup, LineChart, SECONDS, STEPS } from "./chart.js";
import { h } from "./dom.js";
import { fixed } from "./format.js";
import { smoothingControl } from "./widgets.js";

const KEYS = ["d_loss", "g_loss", "value", "d_real", "d_fake"];
/** As many as a screen shows, and light: every curve keeps its peaks. */
const POINTS = 800;
/** How long a curve may grow by what events tell, the newest step's losses, before the steps between are asked for. */
const GROWTH = 5000;

export function chartsSection(job) {
  const group = new ChartGroup();
  const path = `/jobs/${job.id}/metrics`;
  let overview = empty();
  // Points at its end that events told.
  let told = 0;
  let detail = null;
  let clock = [];

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
  const axis = h("select", { id: "axis", "aria-label": "Along x", onchange: () => { group.window = null; group.axis = axis.value === "time" ? SECONDS : STEPS; along(); } },
    h("option", { value: "step" }, "by step"), h("option", { value: "time" }, "by time"));

  const node = h("section", { class: "card charts", "aria-label": "Training curves" },
    h("div", { class: "card-head" }, h("h2", {}, "Training"),
      h("div", { class: "control-row" }, axis, smoothingControl(charts))),
    charts.map((chart) => chart.element),
    h("details", { class: "explain" }, h("summary", {}, "How to read this"),
      h("p", {}, "Two networks play against each other, so losses that do not fall are no fault. At ", h("strong", {}, "ln 2 ≈ 0.693"),
        " the discriminator can tell nothing apart; there V is −log 4 and D(x) and D(G(z)) are both ½. (V + log 4)/2 is a lower bound, as far as D is trained, on the Jensen-Shannon divergence between data and samples. Drag to zoom; Escape shows all.")));

  function show() {
    const columns = group.window && detail ? detail : overview;
    const x = group.axis === SECONDS ? columns.step.map(seconds) : columns.step;
    const steps = overview.step;
    const [first, last] = [steps[0] ?? 0, steps[steps.length - 1] ?? 1].map((step) => (group.axis === SECONDS ? seconds(step) : step));
    group.whole = steps.length > 1 ? [Math.min(first, group.axis === SECONDS ? first : 0), last] : null;
    for (const chart of charts) chart.setData(x, columns);
    group.onAxis?.();
  }

  /** When a step was done, in seconds since the job's start, as the events near it say. */
  function seconds(step) {
    if (clock.length < 2) return step;
    let i = clock.findIndex((known) => known.step >= step);
    if (i === -1) i = clock.length - 1;
    if (i === 0) i = 1;
    const [a, b] = [clock[i - 1], clock[i]];
    return a.at + ((step - a.step) / (b.step - a.step || 1)) * (b.at - a.at);
  }
  group.place = (step) => (group.axis === SECONDS ? seconds(step) : step);

  /** The step at a place along x. */
  function stepAt(place) {
    if (group.axis !== SECONDS) return Math.round(place);
    const found = overview.step.findIndex((step) => seconds(step) >= place);
    return overview.step[found === -1 ? overview.step.length - 1 : found] ?? 0;
  }

  async function along() {
    if (group.axis === SECONDS) await readClock();
    group.setWindow(null);
    show();
  }

  /** Steps whose time is known: of evaluations and checkpoints, of the newest events, of the start and the end. */
  async function readClock() {
    const [now, log] = await Promise.all([get(`/jobs/${job.id}`), get(`/jobs/${job.id}/events${query({ format: "json", tail: 200, kind: "checkpoint,evaluation,status" })}`)]);
    const start = Date.parse(now.started_at ?? now.created_at);
    const known = [{ step: 0, at: 0 }, ...log.items.filter((event) => event.step > 0).map((event) => ({ step: event.step, at: (Date.parse(event.at) - start) / 1000 })),
      ...(now.finished_at ? [{ step: now.progress.step, at: (Date.parse(now.finished_at) - start) / 1000 }] : [])];
    known.sort((a, b) => a.step - b.step || a.at - b.at);
    // Time goes on while steps that were lost are made again.
    clock = known.filter((one, i) => i === 0 || (one.step > known[i - 1].step && one.at >= known[i - 1].at));
    const last = overview.step[overview.step.length - 1] ?? 0;
    if (now.status === "running" && last > clock[clock.length - 1].step) clock.push({ step: last, at: (Date.now() - start) / 1000 });
  }

  // One worker for both, so that a whole load and a growth never mix: `whole` is set by whoever needs all anew.
  let whole = true;
  let synced = 0;
  const sync = throttled(async () => {
    synced = Date.now();
    const last = overview.step[overview.step.length - 1 - told] ?? 0;
    if (whole || last === 0 || overview.step.length > 2.5 * POINTS) {
      // Thinned anew before it grows heavy.
      whole = false;
      overview = numbers(await get(`${path}${query({ max_points: POINTS })}`));
    } else {
      const more = numbers(await get(`${path}${query({ from_step: last + 1, max_points: POINTS })}`));
      const known = overview.step.length - told;
      for (const key of ["step", ...KEYS]) overview[key] = overview[key].slice(0, known).concat(more[key]);
    }
    told = 0;
    if (group.axis === SECONDS) await readClock();
    show();
  }, 1000, () => {
    whole = true;
  });

  const zoom = throttled(async () => {
    const window = group.window;
    if (!window) return;
    const columns = numbers(await get(`${path}${query({ from_step: Math.max(0, stepAt(window[0])), to_step: Math.max(1, stepAt(window[1])), max_points: POINTS })}`));
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
    /** One more step's losses, of which an event told. */
    grow(losses) {
      if (whole || losses.step <= (overview.step[overview.step.length - 1] ?? 0) || Date.now() - synced >= GROWTH) return sync();
      for (const key of ["step", ...KEYS]) overview[key].push(losses[key]);
      told += 1;
      show();
    },
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
