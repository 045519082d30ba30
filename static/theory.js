// Section 4 of the paper on data of known density: Figure 1 live, and the game's value against −log 4.

import { Problem, get, onConnection, query, throttled } from "./api.js";
import { ChartGroup, LineChart } from "./chart.js";
import { h, setAttribute, setText } from "./dom.js";
import { stateChips } from "./findings.js";
import { figureKey, lineFigure, planeFigure } from "./figure.js";
import { count, fixed, shortId, title } from "./format.js";
import { watch } from "./live.js";
import { DENSITIES, problemNote, progressBar, smoothingControl } from "./widgets.js";

const LOG_4 = Math.log(4);
const POINTS = 600;
/** Of how many kept checkpoints C(G) is asked for. */
const MOST_LOOKS = 12;

export function theoryPage(root, _parameters, search) {
  document.title = "Theory · gand";
  let shown = null;
  let closed = false;
  const select = h("select", { id: "theory-job", "aria-label": "Job", onchange: () => { location.hash = `#/theory?job=${select.value}`; } });
  const body = h("div", { class: "page" }, h("p", { class: "muted loading" }, "Loading…"));
  root.append(h("div", { class: "page-head" },
    h("div", {}, h("h1", {}, "Theory"), h("p", { class: "muted" }, "Section 4 of the paper, on data whose density is known.")),
    h("div", { class: "filters" }, select)), body);
  select.hidden = true;

  const open = throttled(async () => {
    const lists = await Promise.all([...DENSITIES].map((dataset) => get(`/jobs${query({ dataset, limit: 20 })}`)));
    const jobs = lists.flatMap((list) => list.items).sort((a, b) => (a.id < b.id ? 1 : -1));
    if (closed) return;
    const wanted = search.get("job") ?? jobs.find((job) => job.status === "running")?.id ?? jobs[0]?.id;
    if (!wanted) {
      body.replaceChildren(h("div", { class: "empty welcome" }, h("h2", {}, "No job on a known density yet"),
        h("p", {}, "One or two Gaussians on a line, or modes in the plane: small enough to see what the theorems say. They train in seconds."),
        h("div", { class: "actions center" }, [...DENSITIES].map((name) => h("a", { class: "button", href: formFor(name) }, `Train on ${name}`)))));
      return;
    }
    const job = jobs.find((job) => job.id === wanted) ?? await get(`/jobs/${wanted}`);
    if (closed) return;
    select.hidden = false;
    // Without their status, which would be out of date soon: that of the job that is shown stands beside the figure.
    select.replaceChildren(...jobs.map((job) => h("option", { value: job.id }, `${title(job)} (${shortId(job.id)})`)));
    select.value = job.id;
    shown?.close();
    shown = show(body, job);
  }, 300, (problem) => {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status) body.replaceChildren(problemNote(problem));
  });
  open();
  const unsubscribe = onConnection((online) => online && !shown && open());
  return {
    update(parameters) {
      search = parameters;
      open();
    },
    close() {
      closed = true;
      unsubscribe();
      open.stop();
      shown?.close();
    },
  };
}

/** On a line, with a latent on a line too, the whole way from z to x can be drawn. */
function formFor(dataset) {
  return `#/new${query({ dataset, latent: dataset.endsWith("-1d") ? 1 : null })}`;
}

const NUMBERS = [
  ["divergence", "Jensen-Shannon divergence", (seen) => fixed(seen.divergence, 4), (seen) => `nats; ${fixed(seen.divergence_floor, 4)} by chance alone`],
  ["criterion", "C(G)", (seen) => fixed(seen.criterion, 4), (seen) => `${fixed(seen.criterion + LOG_4, 4)} above −log 4`],
  ["value", "V(G, D)", (seen) => fixed(seen.value, 4), () => "at most C(G), whatever D is"],
  ["optimal", "Mean |D − D*|", (seen) => fixed(seen.distance_to_optimal, 4), (seen) => `mean |D − ½| is ${fixed(seen.distance_to_half, 4)}`],
  ["modes", "Modes covered", (seen) => `${seen.modes_covered} of ${seen.modes}`, (seen) => `${fixed(100 * seen.near_a_mode, 1)} % of samples near a mode`],
];

function show(body, first) {
  let job = first;
  const path = `/jobs/${job.id}`;
  const group = new ChartGroup();
  const chart = new LineChart({
    group, title: "The game's value", height: 240, unit: "nats", format: (value) => fixed(value, 4),
    series: [{ key: "value", label: "V", tone: "v" }, { key: "criterion", at: "measured", label: "C(G)", tone: "d", dots: true, keep: true }],
    references: [{ value: -LOG_4, label: "−log 4", keep: true }],
  });
  let criteria = new Map();
  const state = stateChips();
  const bar = progressBar("Progress");
  const step = h("span", { class: "muted" });
  const figure = h("div", { class: "figure", "aria-busy": "true" }, h("p", { class: "muted" }, "The figure comes with the first checkpoint."));
  const key = h("div", {});
  const caption = h("p", { class: "caption" });
  const tiles = NUMBERS.map(([, label]) => {
    const value = h("span", { class: "tile-value" }, "–");
    const under = h("span", { class: "tile-under" });
    return { value, under, node: h("div", { class: "tile" }, h("span", { class: "tile-label" }, label), value, under) };
  });
  body.replaceChildren(
    h("section", { class: "card tiles-card", "aria-label": "Now", "aria-live": "off" }, bar.node, h("div", { class: "tiles" }, tiles.map((tile) => tile.node))),
    h("div", { class: "job-grid theory-grid" },
      h("div", { class: "column" }, h("section", { class: "card figure-card", "aria-label": "Figure 1" },
        h("div", { class: "card-head" }, h("h2", {}, h("a", { href: `#/jobs/${job.id}` }, title(job))), h("span", { class: "title-line" }, step, state.node)), figure, key, caption)),
      h("div", { class: "column" },
        h("section", { class: "card charts", "aria-label": "Value" }, h("div", { class: "card-head" }, h("h2", {}, "Theorem 1"), smoothingControl([chart])), chart.element),
        h("section", { class: "card explain", "aria-label": "How to read this" }, h("h2", {}, "How to read this"), explanation(job)))));

  const look = (checkpoint) => get(`${path}/theory${query({ checkpoint })}`);

  /**
   * C(G) by step. Evaluations stay with the job; of a job without any there are the checkpoints that are kept, of which
   * there are fewer as training goes on.
   */
  async function measured(steps) {
    const { items } = await get(`${path}/parzen`);
    const evaluated = items.filter(({ theory }) => Number.isFinite(theory?.criterion));
    if (evaluated.length) {
      chart.setNote("V(G, D) of each step, C(G) of each evaluation");
      return new Map(evaluated.map(({ step, theory }) => [step, theory.criterion]));
    }
    chart.setNote("V(G, D) of each step, C(G) of the checkpoints that are kept");
    const found = new Map();
    for (const step of steps.slice(-MOST_LOOKS)) {
      // One that was pruned meanwhile is gone for good.
      const criterion = criteria.get(step) ?? await look(step).then((seen) => seen.criterion, (problem) => {
        if (problem.status !== 404) throw problem;
        return null;
      });
      if (criterion !== null) found.set(step, criterion);
    }
    return found;
  }

  const refresh = throttled(async () => {
    job = await get(path);
    state.update(job);
    bar.update(job);
    const { items } = await get(`${path}/checkpoints?limit=200`);
    if (items.length === 0) return;
    const steps = items.map((item) => item.step).sort((a, b) => a - b);
    criteria = await measured(steps);
    const seen = await look(steps[steps.length - 1]);
    setText(step, `step ${count(seen.step)}`);
    NUMBERS.forEach(([, , value, under], i) => {
      setText(tiles[i].value, value(seen));
      setText(tiles[i].under, under(seen));
    });
    draw(seen);
    curve();
  }, 400, (problem) => {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status) setText(caption, problem.message);
  });

  let last = null;
  let room = 0;
  // Drawn anew when its room changes, so that its letters keep their size.
  const resized = new ResizeObserver(() => last?.figure.dimensions === "1" && figure.clientWidth !== room && requestAnimationFrame(() => draw(last)));
  resized.observe(figure);

  function draw(seen) {
    if (!last) key.append(figureKey(seen.figure.dimensions));
    last = seen;
    room = figure.clientWidth;
    const drawn = seen.figure.dimensions === "1" ? lineFigure(seen.figure, room) : planeFigure(seen.figure);
    setAttribute(drawn, "aria-label", `Step ${seen.step}: divergence ${seen.divergence.toFixed(3)} nats, ${seen.modes_covered} of ${seen.modes} modes covered`);
    figure.replaceChildren(drawn);
    setAttribute(figure, "aria-busy", "false");
    if (seen.figure.dimensions !== "1") {
      setText(caption, `${count(seen.figure.points.length)} samples, rings at one and two deviations around each mode, and D behind them; both coordinates from ${fixed(seen.figure.bounds[0], 1)} to ${fixed(seen.figure.bounds[1], 1)}.`);
    } else if (seen.figure.mapping.length) {
      setText(caption, `p_g as ${count(seen.samples)} samples show it. Below, the way from z, evenly spaced, to x = G(z).`);
    } else {
      caption.replaceChildren(`p_g as ${count(seen.samples)} samples show it. The way from z to x can be drawn where z has `, h("a", { href: formFor(job.spec.dataset) }, "one dimension"), ".");
    }
  }

  let metrics = null;
  const grow = throttled(async () => {
    const last = metrics?.step[metrics.step.length - 1] ?? 0;
    const fresh = metrics === null || metrics.step.length > 2.5 * POINTS;
    const more = await get(`${path}/metrics${query({ from_step: fresh ? 0 : last + 1, max_points: POINTS, means: true })}`);
    const columns = { step: more.step, value: more.value, mean: more.means?.value ?? more.value };
    metrics = fresh ? columns : Object.fromEntries(Object.entries(columns).map(([key, column]) => [key, metrics[key].concat(column)]));
    curve();
  }, 500, () => { metrics = null; });

  function curve() {
    const steps = [...criteria.keys()].sort((a, b) => a - b);
    chart.setData(metrics?.step ?? [], { value: metrics?.value ?? [], "value.mean": metrics?.mean ?? [], measured: steps, criterion: steps.map((step) => criteria.get(step)) });
  }

  function everything() {
    refresh();
    grow();
  }
  const unwatch = watch(job.id, {
    onEvent(kind, event) {
      if (kind === "metrics") {
        job = { ...job, progress: { ...job.progress, step: event.step } };
        bar.update(job);
        grow();
      }
      else if (kind !== "snapshot") refresh();
    },
    onTick: everything,
  });
  const unsubscribe = onConnection((online) => online && everything());
  everything();
  return {
    close() {
      unwatch();
      unsubscribe();
      refresh.stop();
      grow.stop();
      chart.destroy();
      resized.disconnect();
    },
  };
}

function explanation(job) {
  const plane = job.spec.dataset.endsWith("-2d");
  return [
    h("p", {}, plane
      ? "The field is D: where it takes a point for data, where for a sample, and plain where it cannot tell. A ring without points is a mode that G has lost."
      : "D (dashed) separates the data (dotted) from the samples (solid). Where the densities are equal, the best D is ½; when they are equal everywhere, nothing is left to learn."),
    h("p", {}, "For a fixed G the best discriminator is D* = p_data / (p_data + p_g). With it the game is worth C(G) = −log 4 + 2·JSD(p_data ‖ p_g), which is lowest, −log 4, exactly where p_g = p_data (Theorem 1). V(G, D) never lies above C(G) but by chance: their distance is what D has still to learn, and (V + log 4)/2 bounds the divergence from below. The V of a step is measured on one minibatch with D's dropout on, which lowers it. The numbers above are of the newest checkpoint, from 5,000 samples and without dropout; each point of C(G) is of an evaluation, from that one's samples."),
  ];
}
