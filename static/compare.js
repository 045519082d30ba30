// Two to eight jobs side by side: their curves, their samples, and where their specs and scores differ.

import { Problem, get, onConnection, query, throttled } from "./api.js";
import { bestOf, bestWord } from "./best.js";
import { ChartGroup, LineChart } from "./chart.js";
import { h, setAttribute, setText } from "./dom.js";
import { stateChips } from "./findings.js";
import { ago, count, duration, fixed, nats, score, shortId, speed, title } from "./format.js";
import { leaves } from "./pointer.js";
import { ACTIVE, DENSITIES, NO_SEED, decoded, problemNote, seedControl, smoothingControl } from "./widgets.js";

export const MOST = 8;
const POINTS = 400;
const REFRESH = 3000;
/** Of a setting's value; longer ones, say a grid, are cut. */
const LETTERS = 60;

const CURVES = {
  g_loss: { label: "G loss", unit: "nats", references: [{ value: Math.LN2, label: "ln 2", keep: true }] },
  d_loss: { label: "D loss", unit: "nats", references: [{ value: Math.LN2, label: "ln 2", keep: true }] },
  value: { label: "V(G, D)", unit: "nats", references: [{ value: -Math.log(4), label: "−log 4", keep: true }] },
  d_real: { label: "D(x)", unit: "probability", domain: [0, 1], references: [{ value: 0.5, label: "½" }] },
  d_fake: { label: "D(G(z))", unit: "probability", domain: [0, 1], references: [{ value: 0.5, label: "½" }] },
};

const SOURCES = "Coverage, density, Fréchet distance and entropy are of the newest evaluation; V, D(x) and D(G(z)) of the newest minibatch.";

/** What evaluations measured. */
const MEASURES = {
  log_likelihood: { label: "Parzen", unit: "nats", note: "with its standard error", format: nats, value: (item) => item.log_likelihood, error: (item) => item.standard_error },
  coverage: { label: "Coverage", unit: "share", note: "of held-out examples", format: twoDigits, value: (item) => item.quality?.coverage?.coverage },
  density: { label: "Density", note: "among held-out examples", format: twoDigits, value: (item) => item.quality?.coverage?.density },
  frechet: { label: "Fréchet", note: "distance in a classifier's features", format: twoDigits, value: (item) => item.quality?.frechet?.distance, floor: (item) => item.quality?.frechet?.floor },
  entropy: { label: "Label entropy", unit: "nats", note: "of the samples", format: twoDigits, value: (item) => item.quality?.labels?.entropy, floor: (item) => item.quality?.labels?.data_entropy },
};

function twoDigits(value) {
  return fixed(value, 2);
}

export function comparePage(root, _parameters, search) {
  document.title = "Compare · gand";
  let shown = null;
  const body = h("div", { class: "page" });
  root.append(h("div", { class: "page-head" }, h("div", {}, h("h1", {}, "Compare"), h("p", { class: "muted" }, `Two to ${MOST} jobs: what differs, and what came of it.`))), body);

  function open(parameters) {
    shown?.close();
    const ids = [...new Set((parameters.get("jobs") ?? "").split(",").filter(Boolean))].slice(0, MOST);
    shown = ids.length < 2 ? chooser(body, ids) : comparison(body, ids);
  }
  open(search);
  return { update: open, close: () => shown?.close() };
}

function address(ids) {
  return `#/compare?jobs=${ids.join(",")}`;
}

/** Which jobs to compare, and the sweeps, whose jobs are made to be compared. */
function chooser(body, chosen) {
  const list = h("ul", { class: "choices" });
  const sweeps = h("div", {});
  const go = h("button", { type: "button", class: "button primary", disabled: true, onclick: () => { location.hash = address(picked()); } }, "Compare");
  const picked = () => [...list.querySelectorAll("input:checked")].map((box) => box.value);
  const changed = () => {
    const wanted = picked().length;
    go.disabled = wanted < 2 || wanted > MOST;
    setText(go, wanted < 2 ? "Compare" : wanted > MOST ? `At most ${MOST}` : `Compare ${wanted} jobs`);
  };
  body.replaceChildren(
    h("section", { class: "card", "aria-label": "Jobs to compare" }, h("div", { class: "card-head" }, h("h2", {}, "Choose jobs"), go), list), sweeps);
  const load = throttled(async () => {
    const { items } = await get("/jobs?limit=50");
    list.replaceChildren(...items.map((job) => {
      const state = stateChips();
      state.update(job);
      return h("li", {}, h("label", {}, h("input", { type: "checkbox", value: job.id, checked: chosen.includes(job.id), onchange: changed }),
        h("span", { class: "choice-name" }, title(job), h("span", { class: "under" }, `${job.spec.dataset} · ${shortId(job.id)}`)), state.node));
    }));
    if (items.length < 2) list.replaceChildren(h("li", { class: "muted" }, "There are fewer than two jobs."));
    changed();
    const found = await get("/sweeps?limit=50").catch((problem) => {
      if (problem.status === 404) return { items: [] };
      throw problem;
    });
    sweeps.replaceChildren(...(found.items.length === 0 ? [] : [h("section", { class: "card", "aria-label": "Sweeps" }, h("div", { class: "card-head" }, h("h2", {}, "Sweeps")),
      h("ul", { class: "choices" }, found.items.map((sweep) => h("li", {}, h("a", { class: "choice-name", href: `#/sweeps/${sweep.id}` }, sweep.name ?? sweep.axes.map((axis) => axis.name).join(" × "),
        h("span", { class: "under" }, `${Object.values(sweep.counts).reduce((sum, n) => sum + n, 0)} jobs · ${ago(sweep.created_at)}`))))))]));
  }, 300, (problem) => problem.status && list.replaceChildren(h("li", {}, problemNote(problem))));
  load();
  const unsubscribe = onConnection((online) => online && load());
  return { close() { load.stop(); unsubscribe(); } };
}

function comparison(body, ids) {
  let jobs = [];
  const curves = new Map(ids.map((id) => [id, null]));
  const scores = new Map();
  let metric = "g_loss";
  let measure = "log_likelihood";
  let sections = null;
  body.replaceChildren(h("p", { class: "muted loading" }, "Loading…"));

  const refresh = throttled(async () => {
    const known = new Map(jobs.map((job) => [job.id, job]));
    const found = await Promise.all(ids.map((id) => get(`/jobs/${id}`).catch((problem) => {
      if (problem.status === 404) return null;
      throw problem;
    })));
    if (found.some((job) => job === null)) {
      const left = ids.filter((_, i) => found[i] !== null);
      if (left.length > 1) return location.replace(address(left));
      body.replaceChildren(h("div", { class: "empty" }, h("h2", {}, "These jobs are gone"), h("a", { href: "#/compare" }, "Choose others")));
      return;
    }
    jobs = found;
    await Promise.all(jobs.map(async (job) => {
      if (curves.get(job.id) && news(known.get(job.id)) === news(job)) return;
      const [metrics, parzen] = await Promise.all([get(`/jobs/${job.id}/metrics${query({ max_points: POINTS, means: true })}`), get(`/jobs/${job.id}/parzen`)]);
      curves.set(job.id, metrics);
      scores.set(job.id, parzen.items.filter((item) => Number.isFinite(item.log_likelihood)).sort((a, b) => a.step - b.step));
    }));
    if (closed) return;
    sections ??= build();
    for (const section of sections) section.update();
  }, 500, (problem) => {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status && !sections) body.replaceChildren(problemNote(problem));
  });

  function build() {
    const parts = [legendSection(), curvesSection(), samplesSection(), scoresSection(), specsSection()];
    body.replaceChildren(...parts.map((part) => part.node));
    return parts;
  }

  /** What changes when there is more to show of a job. */
  function news({ status, progress, parzen }) {
    return JSON.stringify([status, progress.step, parzen]);
  }

  /** A job's title, and where another has the same, the end of its id. */
  function called(job) {
    return jobs.some((other) => other.id !== job.id && title(other) === title(job)) ? `${title(job)} (${shortId(job.id)})` : title(job);
  }

  function tone(i) {
    return `c${i}`;
  }

  function name(job, i) {
    return h("a", { class: `job-name tone-${tone(i)}`, href: `#/jobs/${job.id}` }, h("i", { "aria-hidden": "true" }), h("span", {}, called(job)));
  }

  function legendSection() {
    const states = jobs.map(() => stateChips());
    return {
      node: h("ul", { class: "compared", "aria-label": "Jobs compared" }, jobs.map((job, i) => h("li", { class: "card" }, name(job, i), states[i].node,
        ids.length > 2 && h("a", { class: "ghost small", href: address(ids.filter((id) => id !== job.id)), "aria-label": `Leave ${called(job)} out` }, "×"))),
      h("li", {}, h("a", { class: "button", href: "#/compare" }, "Others…"))),
      update: () => jobs.forEach((job, i) => states[i].update(job)),
    };
  }

  function curvesSection() {
    const group = new ChartGroup();
    const series = jobs.map((job, i) => ({ key: `${job.id}.y`, at: `${job.id}.x`, label: called(job), tone: tone(i) }));
    const chart = new LineChart({ group, title: "", height: 320, format: (value) => fixed(value, 3), series });
    const measured = new LineChart({
      group, title: "", height: 240, format: (value) => MEASURES[measure].format(value),
      series: series.map((one) => ({ ...one, key: `${one.key}.measured`, at: `${one.at}.measured`, error: `${one.key}.error`, dots: true, band: true })),
    });
    const tabs = Object.entries(CURVES).map(([key, { label }]) => h("button", { type: "button", class: "tab", "aria-pressed": String(key === metric), onclick: () => { metric = key; update(); } }, label));
    const smoothing = smoothingControl([chart]);
    const measures = Object.entries(MEASURES).map(([key, { label }]) => h("button", { type: "button", class: "tab", "aria-pressed": String(key === measure), onclick: () => { measure = key; update(); } }, label));
    function update() {
      updateMeasured();
      tabs.forEach((tab, i) => setAttribute(tab, "aria-pressed", Object.keys(CURVES)[i] === metric));
      const { references, domain = null, label, unit } = CURVES[metric];
      chart.setUnit(unit);
      chart.domain = domain;
      chart.setTitle(label);
      chart.setReferences(references);
      const columns = {};
      for (const job of jobs) {
        columns[`${job.id}.x`] = curves.get(job.id).step;
        columns[`${job.id}.y`] = curves.get(job.id)[metric];
        columns[`${job.id}.y.mean`] = curves.get(job.id).means?.[metric] ?? curves.get(job.id)[metric];
      }
      chart.setData(union(jobs.map((job) => columns[`${job.id}.x`])), columns);
    }
    function updateMeasured() {
      measures.forEach((tab, i) => setAttribute(tab, "aria-pressed", Object.keys(MEASURES)[i] === measure));
      const { label, note, value, error, floor, unit = "" } = MEASURES[measure];
      measured.setUnit(unit);
      measured.setTitle(`${label}, ${note}`);
      const evaluated = {};
      for (const job of jobs) {
        const items = [...new Map(scores.get(job.id).map((item) => [item.step, item])).values()].filter((item) => Number.isFinite(value(item)));
        evaluated[`${job.id}.x.measured`] = items.map((item) => item.step);
        evaluated[`${job.id}.y.measured`] = items.map(value);
        if (error) evaluated[`${job.id}.y.error`] = items.map(error);
      }
      // Of one dataset all have the same; of several there is none for all.
      const floors = new Set(floor ? jobs.flatMap((job) => scores.get(job.id).map(floor).filter(Number.isFinite)) : []);
      measured.setReferences(floors.size === 1 ? [{ value: [...floors][0], label: measure === "frechet" ? "floor" : "data", keep: true }] : []);
      measured.setData(union(jobs.map((job) => evaluated[`${job.id}.x.measured`])), evaluated);
    }
    return {
      node: h("section", { class: "card charts", "aria-label": "Curves" },
        h("div", { class: "card-head" }, h("div", { class: "tabs", role: "group", "aria-label": "Which curve" }, tabs), smoothing), chart.element,
        h("div", { class: "tabs", role: "group", "aria-label": "Which measure" }, measures), measured.element),
      update,
      close() { chart.destroy(); measured.destroy(); },
    };
  }

  function samplesSection() {
    const seed = seedControl("compare-seed", () => update());
    const cells = jobs.map((job, i) => {
      const holder = h("div", { class: "picture" }, h("p", { class: "muted" }, "No checkpoint yet."));
      const caption = h("p", { class: "caption" }, "\u00a0");
      return { holder, caption, shown: "", node: h("div", { class: "compared-sample" }, h("p", { class: "clip", title: called(job) }, name(job, i)), holder, caption) };
    });
    async function update() {
      const number = seed.read();
      if (number === null) return cells.forEach((cell) => setText(cell.caption, NO_SEED));
      await Promise.all(jobs.map(async (job, i) => {
        const cell = cells[i];
        const { items } = await get(`/jobs/${job.id}/checkpoints?limit=200`);
        if (!items.length) return;
        const step = Math.max(...items.map((item) => item.step));
        const plotted = DENSITIES.has(job.spec.dataset);
        const source = `/jobs/${job.id}/samples${query({ format: "png", seed: number, checkpoint: step, ...gridOf(job) })}`;
        const words = `Step ${count(step)}, seed ${number}`;
        if (cell.shown === source) return cell.loaded && setText(cell.caption, words);
        Object.assign(cell, { shown: source, loaded: false });
        const image = h("img", { class: plotted ? "samples plotted" : "samples", width: 240, height: 240, alt: `Samples of ${called(job)} at step ${step}, seed ${number}`, src: source });
        try {
          await decoded(image);
        } catch (problem) {
          if (!(problem instanceof Problem)) throw problem;
          if (cell.shown !== source) return;
          cell.shown = "";
          return setText(cell.caption, problem.message);
        }
        if (cell.shown !== source) return;
        cell.loaded = true;
        cell.holder.replaceChildren(image);
        setText(cell.caption, words);
      })).catch((problem) => {
        if (!(problem instanceof Problem)) throw problem;
      });
    }
    const real = realSamples(jobs);
    const row = h("div", { class: "compared-samples" }, cells.map((cell) => cell.node), real);
    row.style.maxWidth = `${25 * (jobs.length + (real ? 1 : 0))}rem`;
    return {
      node: h("section", { class: "card", "aria-label": "Samples" }, h("div", { class: "card-head" }, h("h2", {}, "Samples of the same seed"),
        h("div", { class: "control-row" }, h("label", { for: "compare-seed" }, "Seed"), seed.input, seed.dice)), row),
      update,
    };
  }

  function scoresSection() {
    const holder = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of scores" });
    const note = h("p", { class: "muted" });
    function update() {
      const best = new Map(jobs.map((job) => [job.id, scores.get(job.id).reduce((best, item) => (!best || item.log_likelihood > best.log_likelihood ? item : best), null)]));
      const winners = comparable() ? bestOf([...best.values()]) : new Set();
      const number = (text) => h("td", { class: "number" }, text);
      const heads = ["Job", "Step", "Best Parzen, nats", "Newest", "Coverage", "Density", "Fréchet", "its floor", "Label entropy", "the data's", "V(G, D)", "D(x)", "D(G(z))", "Steps/s", "Start to end"];
      holder.replaceChildren(h("table", { class: "plain" },
        h("thead", {}, h("tr", {}, heads.map((label, i) => h("th", { scope: "col", class: i > 0 && "number" }, label)))),
        h("tbody", {}, jobs.map((job, i) => {
          const top = best.get(job.id);
          const won = winners.has(top);
          const { coverage, frechet, labels } = scores.get(job.id).findLast((item) => item.quality)?.quality ?? {};
          return h("tr", {}, h("th", { scope: "row" }, name(job, i)), number(count(job.progress.step)),
            h("td", { class: `number${won ? " is-best" : ""}` }, won && [h("span", { class: "tag" }, bestWord(winners)), " "], score(top)), number(score(job.parzen)),
            number(twoDigits(coverage?.coverage)), number(twoDigits(coverage?.density)), number(twoDigits(frechet?.distance)), number(twoDigits(frechet?.floor)),
            number(twoDigits(labels?.entropy)), number(twoDigits(labels?.data_entropy)),
            number(fixed(job.latest?.value)), number(fixed(job.latest?.d_real)), number(fixed(job.latest?.d_fake)), number(speed(job.progress.steps_per_second)),
            number(timeOf(job)));
        }))));
      setText(note, [SOURCES, !comparable() && "These jobs are on different datasets, or scored under different protocols: their log-likelihoods must not be compared."].filter(Boolean).join(" "));
    }
    return { node: h("section", { class: "card", "aria-label": "Scores" }, h("div", { class: "card-head" }, h("h2", {}, "Scores")), holder, note), update };
  }

  /** From its first start to its end, pauses and all; to now, while there is no end. */
  function timeOf(job) {
    if (!job.started_at) return "–";
    const end = job.finished_at ? Date.parse(job.finished_at) : Date.now();
    const words = duration((end - Date.parse(job.started_at)) / 1000);
    return job.finished_at ? words : `${words} so far`;
  }

  function comparable() {
    const protocols = new Set(jobs.flatMap((job) => scores.get(job.id).map((item) => item.protocol)));
    return new Set(jobs.map((job) => job.spec.dataset)).size === 1 && protocols.size < 2;
  }

  function specsSection() {
    const all = jobs.map((job) => leaves(job.spec));
    const pointers = [...new Set(all.flatMap((one) => [...one.keys()]))].filter((pointer) => new Set(all.map((one) => one.get(pointer))).size > 1);
    return {
      node: h("section", { class: "card", "aria-label": "Spec differences" }, h("div", { class: "card-head" }, h("h2", {}, "Where the specs differ")),
        pointers.length === 0 ? h("p", { class: "muted" }, "Nowhere: the same spec gives the same bytes.")
          : h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of spec differences" }, h("table", { class: "plain differences" },
            h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Setting"), jobs.map((job, i) => h("th", { scope: "col", class: "number" }, name(job, i))))),
            h("tbody", {}, pointers.map((pointer) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, pointer.slice(1).replaceAll("/", "."))), all.map((one) => valueCell(one.get(pointer))))))))),
      update() {},
    };
  }

  let closed = false;
  refresh();
  const timer = setInterval(() => document.hidden || (jobs.some((job) => ACTIVE.has(job.status)) && refresh()), REFRESH);
  const unsubscribe = onConnection((online) => online && refresh());
  return {
    close() {
      closed = true;
      clearInterval(timer);
      unsubscribe();
      refresh.stop();
      for (const section of sections ?? []) section.close?.();
    },
  };
}

/** How many samples of a job are shown, and how. */
function gridOf({ spec }) {
  return DENSITIES.has(spec.dataset) ? { count: 1000, scale: 2 } : { count: 36, columns: 6 };
}

/** Real examples at the samples' scale; none where the jobs are on different data. */
function realSamples(jobs) {
  const [{ spec: { dataset } }] = jobs;
  if (jobs.some((job) => job.spec.dataset !== dataset)) return null;
  const image = h("img", { class: DENSITIES.has(dataset) ? "samples plotted" : "samples", width: 240, height: 240, alt: `Real examples of ${dataset}`, src: `/datasets/${encodeURIComponent(dataset)}/preview${query(gridOf(jobs[0]))}` });
  const node = h("div", { class: "compared-sample is-real" }, h("p", { class: "clip" }, "Real"), h("div", { class: "picture" }, image), h("p", { class: "caption" }, `Examples of ${dataset}`));
  // A set that is no longer here has none to show.
  image.addEventListener("error", () => node.remove());
  return node;
}

function valueCell(text = "–") {
  const long = text.length > LETTERS;
  return h("td", { class: "number", title: long && text }, h("code", {}, long ? `${text.slice(0, LETTERS)}…` : text));
}

/** All of ascending lists, ascending. */
function union(lists) {
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}
