// The newest samples of a job: always the same latents, so that one sees them change.

import { get, query, throttled } from "./api.js";
import { h, setAttribute, setText } from "./dom.js";
import { count } from "./format.js";
import { datasets } from "./widgets.js";

const COUNT = 64;
const COLUMNS = 8;
/** For sets that are no pictures: enough to see a density. */
const POINTS = 1000;

export function samplesSection(job) {
  const path = `/jobs/${job.id}`;
  let shown = "";
  let shape = null;

  const seed = h("input", { id: "sample-seed", type: "number", min: 0, step: 1, value: 0, inputmode: "numeric", onchange: () => refresh() });
  const dice = h("button", {
    type: "button", class: "button", title: "Other latents",
    onclick: () => { seed.value = 1 + Math.floor(Math.random() * 99_999); refresh(); },
  }, "New seed");
  const which = h("select", { id: "sample-checkpoint", "aria-label": "Checkpoint", onchange: () => refresh() }, h("option", { value: "latest" }, "Newest"));
  const holder = h("div", { class: "picture", "aria-busy": "true" }, h("p", { class: "muted" }, "The first samples come with the first checkpoint."));
  const caption = h("p", { class: "caption", "aria-live": "polite" }, "\u00a0");
  const node = h("section", { class: "card samples-card", "aria-label": "Samples" },
    h("div", { class: "card-head" }, h("h2", {}, "Samples"), which),
    holder, caption,
    h("div", { class: "control-row" }, h("label", { for: "sample-seed" }, "Seed"), seed, dice));

  const refresh = throttled(async () => {
    const { items } = await get(`${path}/checkpoints?limit=200`);
    if (!items.length) return;
    const checkpoints = [...items].sort((a, b) => a.step - b.step);
    const newest = checkpoints[checkpoints.length - 1];
    options(checkpoints, newest);
    const step = which.value === "latest" ? newest.step : Number(which.value);
    const wanted = `${step}/${seed.value}`;
    if (wanted === shown) return;
    shape ??= (await datasets()).find((set) => set.name === job.spec.dataset)?.shape ?? null;
    const picture = await image(step);
    shown = wanted;
    holder.replaceChildren(picture);
    setAttribute(holder, "aria-busy", "false");
    setText(caption, `Step ${count(step)}, seed ${seed.value}`);
  }, 500, (problem) => {
    if (problem.status) setText(caption, problem.message);
  });

  function options(checkpoints, newest) {
    const wanted = [["latest", `Newest, step ${count(newest.step)}`], ...checkpoints.reverse().map(({ step, best }) => [String(step), `Step ${count(step)}${best ? ", best" : ""}`])];
    const key = wanted.join("|");
    if (which.dataset.key === key) return;
    const value = which.value;
    which.dataset.key = key;
    which.replaceChildren(...wanted.map(([value, label]) => h("option", { value }, label)));
    which.value = wanted.some(([known]) => known === value) ? value : "latest";
  }

  /** Loaded and decoded before it takes the old one's place, so that nothing flickers. */
  async function image(step) {
    const images = shape === null || shape.height > 1;
    const wanted = images ? { count: COUNT, columns: COLUMNS } : { count: POINTS, scale: 2 };
    const picture = h("img", { class: images ? "samples" : "samples plotted", alt: `${wanted.count} samples of the generator at step ${step}, seed ${seed.value}`, width: 320, height: 320 });
    picture.src = `${path}/samples${query({ format: "png", seed: seed.value, checkpoint: step, ...wanted })}`;
    try {
      await picture.decode();
    } catch {
      // Broken pictures show their alternative text.
    }
    return picture;
  }

  return { node, refresh, close: () => refresh.stop() };
}
