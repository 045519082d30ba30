// The pictures of a job: its newest samples, the same latents over all of training, samples beside their neighbours, and
// the way between two of them.

import { Problem, get, query, throttled } from "./api.js";
import { h, setAttribute, setText } from "./dom.js";
import { count } from "./format.js";
import { betweenView } from "./job-between.js";
import { FINISHED, NO_SEED, datasets, decoded, seedControl } from "./widgets.js";

const COUNT = 64;
const COLUMNS = 8;
/** For sets that are no pictures: enough to see a density. */
const POINTS = 1000;
/** Real examples below them: enough to compare with, in the same columns. */
const REAL = 16;
const FRAME = 100;

const VIEWS = { samples: "Samples", growth: "Growth", neighbours: "Neighbours", between: "Between" };

export function samplesSection(job) {
  const path = `/jobs/${job.id}`;
  let view = "samples";
  let shown = "";
  let shape = null;
  let steps = [];
  let playing = null;

  const tabs = Object.entries(VIEWS).map(([name, label]) => h("button", { type: "button", class: "tab", "aria-pressed": String(name === view), onclick: () => change(name) }, label));
  const which = h("select", { id: "sample-checkpoint", "aria-label": "Checkpoint", onchange: () => refresh() }, h("option", { value: "latest" }, "Newest"));
  const holder = h("div", { class: "picture", "aria-busy": "true" });
  let status = job.status;
  const caption = h("p", { class: "caption", "aria-live": "polite" }, "\u00a0");
  const generated = h("p", { class: "kind" }, "generated");
  const real = realExamples(job);

  const seed = seedControl("sample-seed", () => refresh());
  const weights = h("select", { id: "sample-weights", "aria-label": "Weights", onchange: () => refresh() }, h("option", { value: "ema" }, "Averaged"), h("option", { value: "raw" }, "Raw"));
  // Without an average there is nothing to choose.
  weights.hidden = !job.spec.training?.ema;
  const seedRow = h("div", { class: "control-row seed-row" }, h("label", { for: "sample-seed" }, "Seed"), seed.input, seed.dice, which, weights);

  const slider = h("input", { id: "growth-step", type: "range", min: 0, max: 0, value: 0, "aria-label": "Step", oninput: () => { pause(); frame(); } });
  const play = h("button", { type: "button", class: "button", onclick: () => (playing ? pause() : start()) }, "Play");
  const film = h("a", { class: "button", href: `${path}/timeline?format=gif`, download: `${job.id}.gif` }, "GIF");
  const filmRow = h("div", { class: "control-row film" }, slider, play, film);
  filmRow.hidden = true;

  const between = betweenView(job, { caption: (words) => setText(caption, words), failed: () => setText(caption, "The way between them could not be drawn.") });
  between.node.hidden = true;

  const node = h("section", { class: "card samples-card", "aria-label": "Samples" },
    h("div", { class: "card-head" }, h("div", { class: "tabs", role: "group", "aria-label": "Which pictures" }, tabs)),
    generated, holder, between.node, real.node, caption, seedRow, filmRow);

  function change(name) {
    pause();
    view = name;
    tabs.forEach((tab, i) => setAttribute(tab, "aria-pressed", Object.keys(VIEWS)[i] === name));
    seedRow.hidden = name === "growth";
    filmRow.hidden = name !== "growth";
    between.node.hidden = name !== "between";
    holder.hidden = name === "between";
    generated.hidden = true;
    real.hide();
    if (holder.hidden) setAttribute(holder, "aria-busy", "false");
    shown = "";
    refresh();
  }

  const refresh = throttled(async () => {
    shape ??= (await datasets()).find((set) => set.name === job.spec.dataset)?.shape ?? null;
    // What is no picture has no pictures between, nor neighbours to look at.
    for (const name of ["neighbours", "between"]) tabs[Object.keys(VIEWS).indexOf(name)].hidden = !isImages();
    if (view === "growth") await growth();
    else await samples();
  }, 500, (problem) => {
    if (problem.status) setText(caption, problem.message);
  });

  /** Until it is known whether there are any. */
  function loading() {
    holder.replaceChildren(h("p", { class: "muted" }, "Loading…"));
  }

  /** While there is no checkpoint, and where there never will be one. */
  function nothingYet() {
    const over = FINISHED.has(status);
    const words = over ? `No samples: it ${status === "cancelled" ? "was cancelled" : status} before its first checkpoint.` : "The first samples come with the first checkpoint.";
    if (holder.textContent !== words) holder.replaceChildren(h("p", { class: "muted" }, words));
    setAttribute(holder, "aria-busy", !over);
  }

  async function samples() {
    const { items } = await get(`${path}/checkpoints?limit=200`);
    if (!items.length) return nothingYet();
    const checkpoints = [...items].sort((a, b) => a.step - b.step);
    const newest = checkpoints[checkpoints.length - 1];
    options(checkpoints);
    const step = which.value === "latest" ? newest.step : Number(which.value);
    const number = seed.read();
    if (number === null) return setText(caption, NO_SEED);
    const settings = { seed: number, checkpoint: step, weights: weights.hidden ? null : weights.value };
    const common = { format: "png", ...settings };
    const images = isImages();
    if (view === "between") {
      if (shape) await between.show(settings, shape);
    } else if (view === "neighbours") {
      await put(`${path}/neighbours${query({ ...common, count: 32, columns: 4 })}`, "Samples of the generator, each beside its nearest training example",
        `Step ${count(step)}, seed ${number}: each sample and, right of it, its nearest training example`);
    } else {
      const wanted = images ? { count: COUNT, columns: COLUMNS } : { count: POINTS, scale: 2 };
      await put(`${path}/samples${query({ ...common, ...wanted })}`, `${wanted.count} samples of the generator at step ${step}, seed ${number}`,
        `Step ${count(step)}, seed ${number}`);
      if (view === "samples") real.show(holder.querySelector("img"), images ? { count: REAL, columns: COLUMNS } : { count: POINTS, scale: 2 });
      generated.hidden = real.node.hidden;
    }
  }

  async function growth() {
    const atEnd = Number(slider.value) >= steps.length - 1;
    steps = (await get(`${path}/timeline?format=json`)).steps;
    if (!steps.length) {
      setText(caption, "The first picture comes with the first steps.");
      return;
    }
    slider.max = steps.length - 1;
    if (atEnd && !playing) slider.value = steps.length - 1;
    await frame();
  }

  async function frame() {
    const step = steps[Number(slider.value)];
    if (step === undefined) return;
    setAttribute(slider, "aria-valuetext", `step ${count(step)}`);
    await put(`${path}/timeline${query({ step })}`, `The same latents at step ${step}`, `Step ${count(step)}, always the same latents`);
  }

  /** Picture after picture, each shown before the next is asked for. */
  async function start() {
    const run = {};
    playing = run;
    setText(play, "Pause");
    let place = Number(slider.value) >= steps.length - 1 ? -1 : Number(slider.value);
    while (playing === run && place < steps.length - 1) {
      place += 1;
      slider.value = place;
      await Promise.all([frame(), new Promise((resolve) => setTimeout(resolve, FRAME))]);
    }
    if (playing === run) pause();
  }

  function pause() {
    playing = null;
    setText(play, "Play");
  }

  function isImages() {
    return shape === null || shape.height > 1;
  }

  function options(checkpoints) {
    const wanted = [["latest", "Newest"], ...checkpoints.reverse().map(({ step, best }) => [String(step), `Step ${count(step)}${best ? ", best" : ""}`])];
    const key = wanted.join("|");
    if (which.dataset.key === key) return;
    const value = which.value;
    which.dataset.key = key;
    which.replaceChildren(...wanted.map(([value, label]) => h("option", { value }, label)));
    which.value = wanted.some(([known]) => known === value) ? value : "latest";
  }

  /** Loaded and decoded before it takes the old one's place, so that nothing flickers. */
  async function put(source, alternative, words) {
    if (source === shown) {
      // Another message may stand there, as of a seed that was none.
      if (holder.querySelector("img")?.getAttribute("src") === source) setText(caption, words);
      return;
    }
    shown = source;
    const picture = h("img", { class: isImages() ? "samples" : "samples plotted", alt: alternative, width: 320, height: 320 });
    picture.src = source;
    try {
      await decoded(picture);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (shown !== source) return;
      // Asked for again next time.
      shown = "";
      setAttribute(holder, "aria-busy", "false");
      setText(caption, problem.message);
      return;
    }
    // A later one was asked for meanwhile.
    if (shown !== source) return;
    holder.replaceChildren(picture);
    setAttribute(holder, "aria-busy", "false");
    setText(caption, words);
  }

  generated.hidden = true;
  loading();
  return {
    node,
    refresh,
    update(now) {
      if (now.status !== status && FINISHED.has(now.status)) refresh();
      status = now.status;
    },
    grow: () => view === "growth" && refresh(),
    close() {
      pause();
      between.close();
      refresh.stop();
    },
  };
}

/** Examples of the data below the samples, at the samples' scale. */
function realExamples(job) {
  const image = h("img", { width: 320, height: 80, alt: `Real examples of ${job.spec.dataset}` });
  const node = h("div", { class: "real" }, h("p", { class: "kind" }, "real"), image);
  node.hidden = true;
  // A set that is no longer here has none to show.
  image.addEventListener("error", () => { node.hidden = true; });
  let fitted = null;

  /** A grid in a square frame is narrower than the frame where it is higher than wide. */
  function fit() {
    const { naturalWidth: width, naturalHeight: height } = fitted;
    image.style.width = `${100 * Math.min(1, width / height)}%`;
  }

  return {
    node,
    hide() {
      node.hidden = true;
    },
    /** `samples` is the image of the samples, once it is there. */
    show(samples, settings) {
      if (!samples?.naturalHeight) return;
      fitted = samples;
      setAttribute(image, "class", samples.className);
      setAttribute(image, "src", `/datasets/${encodeURIComponent(job.spec.dataset)}/preview${query(settings)}`);
      fit();
      node.hidden = image.complete && image.naturalWidth === 0;
    },
  };
}
