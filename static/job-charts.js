// The live curves of a job.

import { get, query, throttled } from "./api.js";
import { ChartGroup, LineChart, SECONDS, STEPS, spliced } from "./chart.js";
import { h } from "./dom.js";
import { count, fixed } from "./format.js";
import { smoothingControl } from "./widgets.js";

const KEYS = ["d_loss", "g_loss", "value", "d_real", "d_fake"];
/** As many as a screen shows, and light: every curve keeps its peaks. */
const POINTS = 800;
/**
 * So often are the steps asked for that a curve has not yet. Events tell the newest step's losses alone; drawn as a line
 * they would hide the peaks between, so meanwhile the newest stands as a point of its own.
 */
const GROWTH = 5000;
/** A stretch of a curve, however short, has at least so many points: the thinning keeps no peak of five curves in fewer. */
const FEWEST_POINTS = 24;

export function chartsSection(job) {
  const group = new ChartGroup();
  const path = `/jobs/${job.id}/metrics`;
  let overview = empty();
  // The losses of the newest step that an event told.
  let told = null;
  let detail = null;
  let clock = [];

  const losses = new LineChart({
    group, title: "Losses", unit: "nats", height: 260, format: (value) => fixed(value, 4),
    series: [{ key: "d_loss", label: "Discriminator", tone: "d" }, { key: "g_loss", label: "Generator", tone: "g" }],
    references: [{ value: Math.LN2, label: "ln 2", keep: true }],
  });
  const value = new LineChart({
    group, title: "Value V(G, D)", unit: "nats", height: 170, format: (value) => fixed(value, 4),
    series: [{ key: "value", label: "V", tone: "v" }],
    references: [{ value: -Math.log(4), label: "−log 4", keep: true }],
  });
  const beliefs = new LineChart({
    group, title: "What the discriminator believes", unit: "probability", height: 170, domain: [0, 1], format: (value) => fixed(value, 3),
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
        " the discriminator can tell nothing apart; there V is −log 4 and D(x) and D(G(z)) are both ½. Drag to zoom; Escape shows all."),
      h("p", {}, "(V + log 4)/2 is, in expectation, at most the Jensen-Shannon divergence between data and samples, and equal to it for the best D. A single step's V comes from one minibatch, so the estimate beside the chart is a mean over many steps, with its standard error. It is low where D has dropout, which is on while V is measured, or is not trained well; it may be high where D knows the training examples by heart, for V is measured on those.")));

  function show() {
    const columns = group.window && detail ? spliced(overview, detail) : overview;
    const x = group.axis === SECONDS ? columns.step.map(seconds) : columns.step;
    const steps = overview.step;
    const newest = told && told.step > (steps[steps.length - 1] ?? 0) ? { ...told, x: group.axis === SECONDS ? seconds(told.step) : told.step } : null;
    const [first, last] = [steps[0] ?? 0, newest?.step ?? steps[steps.length - 1] ?? 1].map((step) => (group.axis === SECONDS ? seconds(step) : step));
    group.whole = steps.length > 1 ? [Math.min(first, group.axis === SECONDS ? first : 0), last] : null;
    for (const chart of charts) chart.setData(x, columns, newest);
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
  let waiting = null;
  const sync = throttled(async () => {
    clearTimeout(waiting);
    waiting = null;
    synced = Date.now();
    const last = overview.step[overview.step.length - 1] ?? 0;
    // Thinned anew before it grows heavy.
    const anew = whole || last === 0 || overview.step.length > 2.5 * POINTS;
    whole = false;
    // A new stretch is as dense as what is there, so that the curve looks as it would after a reload.
    const share = told === null ? 1 : (told.step - last) / last;
    const points = anew ? POINTS : Math.min(POINTS, Math.max(FEWEST_POINTS, Math.ceil(POINTS * share)));
    const answer = await get(`${path}${query({ from_step: anew ? null : last + 1, max_points: points, means: true })}`);
    const more = numbers(answer);
    overview = anew ? more : Object.fromEntries(Object.entries(overview).map(([key, column]) => [key, column.concat(more[key])]));
    if (answer.divergence_bound) value.setNote(boundWords(answer.divergence_bound));
    if (group.axis === SECONDS) await readClock();
    show();
  }, 1000, () => {
    whole = true;
  });

  const zoom = throttled(async () => {
    const window = group.window;
    if (!window) return;
    const columns = numbers(await get(`${path}${query({ from_step: Math.max(0, stepAt(window[0])), to_step: Math.max(1, stepAt(window[1])), max_points: POINTS, means: true })}`));
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
      const back = losses.step < (told?.step ?? 0);
      told = losses;
      // Where the job went back, what lies beyond is made again.
      whole ||= back;
      const known = overview.step[overview.step.length - 1] ?? 0;
      // At once where the job is young and most of its curve is missing.
      const wait = whole || losses.step > 2 * known ? 0 : synced + GROWTH - Date.now();
      if (wait <= 0) sync();
      else waiting ??= setTimeout(sync, wait);
      show();
    },
    refresh() {
      told = null;
      whole = true;
      sync();
    },
    close() {
      clearTimeout(waiting);
      for (const work of [sync, zoom]) work.stop();
      for (const chart of charts) chart.destroy();
    },
  };
}

/** The bound on the divergence in words. Chance can make it say less than nothing. */
function boundWords({ value, standard_error: error, from_step: from, to_step: to }) {
  const estimate = `${fixed(value, 3)}${error === null ? "" : ` ± ${fixed(error, 3)}`}`;
  const steps = from === to ? `step ${count(to)}` : `mean of steps ${count(from)} to ${count(to)}`;
  if (value < 0) return `(V + log 4)/2 = ${estimate}, ${steps}: below 0, so it bounds nothing`;
  return `divergence at least ${estimate}, ${steps}`;
}

function empty() {
  return numbers({});
}

/** The columns of an answer, the means among them. */
function numbers({ step = [], means, ...columns }) {
  const all = KEYS.flatMap((key) => [[key, columns[key] ?? []], [`${key}.mean`, means?.[key] ?? columns[key] ?? []]]);
  return { step, ...Object.fromEntries(all) };
}
