// The way between two chosen samples: the generator's images along it are loaded once, and follow the pointer.

import { query } from "./api.js";
import { h, setAttribute, setText } from "./dom.js";
import { count } from "./format.js";

/** Of which two are chosen. */
const CHOICE = 24;
const COLUMNS = 8;
/** Images along the way; fewer of large ones, so that a way is quickly there. */
const FRAMES = 64;
const FRAMES_OF_LARGE = 32;
const LARGE = 64 * 64;

export function betweenView(job, { caption, failed }) {
  const path = `/jobs/${job.id}`;
  let settings = null;
  let shape = null;
  let ends = [0, 1];
  let eldest = 0;
  let frames = null;
  let wanted = "";
  let closed = false;

  const canvas = h("canvas", { class: "samples", role: "img", "aria-label": "Between two samples" });
  const stage = h("div", { class: "picture between-stage" }, canvas);
  const slider = h("input", { id: "between-place", type: "range", min: 0, max: 1, step: "any", value: 0.5, "aria-label": "Place between the two samples", oninput: draw });
  const grid = h("img", { class: "between-samples", alt: "", draggable: "false" });
  const cells = Array.from({ length: CHOICE }, (_, i) => h("button", { type: "button", class: "between-cell", tabindex: i === 0 ? 0 : -1, onclick: () => choose(i), onfocus: () => stop(i) }));
  const board = h("div", { class: "between-board", role: "group", "aria-label": "Samples to go between: choose two" }, grid, h("div", { class: "between-cells" }, cells));
  const prior = job.spec.model?.latent?.prior;
  const way = h("select", { id: "between-path", onchange: load },
    h("option", { value: "linear" }, "straight"), h("option", { value: "spherical" }, "great circle"));
  // A Gaussian's latents lie near a sphere; a straight way between two of them leaves it.
  way.value = prior === "gaussian" ? "spherical" : "linear";
  const film = h("a", { class: "button", download: `${job.id}-between.gif` }, "GIF");
  const node = h("div", { class: "between" }, stage,
    h("div", { class: "control-row film" }, h("span", { class: "between-mark is-first", "aria-hidden": "true" }, "A"), slider, h("span", { class: "between-mark", "aria-hidden": "true" }, "B")),
    board,
    h("div", { class: "control-row" }, h("label", { for: "between-path" }, "Path"), way, film));

  const follow = (event) => {
    const { left, width } = stage.getBoundingClientRect();
    slider.value = Math.min(1, Math.max(0, (event.clientX - left) / width));
    draw();
  };
  stage.addEventListener("pointermove", follow);
  stage.addEventListener("pointerdown", follow);
  board.addEventListener("keydown", (event) => {
    const now = cells.indexOf(document.activeElement);
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS }[event.key];
    if (now < 0 || !move || !cells[now + move]) return;
    event.preventDefault();
    cells[now + move].focus();
  });

  /** One stop for the tab key; the arrows move within. */
  function stop(i) {
    cells.forEach((cell, j) => setAttribute(cell, "tabindex", i === j ? 0 : -1));
  }

  /** The end that was chosen longest ago gives way. */
  function choose(i) {
    if (ends.includes(i)) return;
    ends[eldest] = i;
    eldest = 1 - eldest;
    mark();
    load();
  }

  function mark() {
    cells.forEach((cell, i) => {
      const end = ends.indexOf(i);
      setAttribute(cell, "aria-pressed", end >= 0);
      setAttribute(cell, "aria-label", `Sample ${i + 1}${end >= 0 ? `, end ${"AB"[end]}` : ""}`);
      setAttribute(cell, "class", `between-cell${end === 0 ? " is-first" : ""}`);
      cell.replaceChildren(...(end < 0 ? [] : [h("span", { class: `between-mark${end === 0 ? " is-first" : ""}`, "aria-hidden": "true" }, "AB"[end])]));
    });
  }

  async function load() {
    if (!settings) return;
    const common = { ...settings, between: ends.join(","), frames: shape.height * shape.width * shape.channels > LARGE ? FRAMES_OF_LARGE : FRAMES, path: way.value };
    const source = `${path}/interpolations${query({ ...common, format: "png", scale: 1 })}`;
    setAttribute(film, "href", `${path}/interpolations${query({ ...common, frames: FRAMES_OF_LARGE, format: "gif" })}`);
    if (source === wanted) return;
    wanted = source;
    setAttribute(stage, "aria-busy", "true");
    const image = h("img", { src: source });
    try {
      await image.decode();
    } catch {
      if (wanted === source) {
        wanted = "";
        setAttribute(stage, "aria-busy", "false");
        failed();
      }
      return;
    }
    // Another way was asked for meanwhile.
    if (closed || wanted !== source) return;
    const gap = (image.naturalWidth - common.frames * shape.width) / (common.frames + 1);
    frames = { image, gap, many: common.frames, ends: [...ends], checkpoint: settings.checkpoint };
    canvas.width = shape.width;
    canvas.height = shape.height;
    setAttribute(stage, "aria-busy", "false");
    draw();
  }

  function draw() {
    if (!frames) return;
    const { image, gap, many, checkpoint } = frames;
    const part = Number(slider.value);
    const frame = Math.round(part * (many - 1));
    canvas.getContext("2d").drawImage(image, gap + frame * (shape.width + gap), gap, shape.width, shape.height, 0, 0, shape.width, shape.height);
    stage.dataset.frame = frame;
    const [from, to] = frames.ends.map((end) => end + 1);
    const words = `${Math.round(100 * part)} % of the way from sample ${from} to ${to}`;
    setAttribute(slider, "aria-valuetext", words);
    setAttribute(canvas, "aria-label", words);
    caption(`Step ${count(checkpoint)}, ${words}`);
  }

  mark();
  return {
    node,
    /** Shows the samples of a checkpoint and seed, `{ seed, checkpoint, weights }`, and the way between the chosen two. */
    async show(now, itsShape) {
      shape = itsShape;
      settings = now;
      board.style.aspectRatio = `${COLUMNS * shape.width} / ${(CHOICE / COLUMNS) * shape.height}`;
      setAttribute(grid, "src", `${path}/samples${query({ ...settings, format: "png", count: CHOICE, columns: COLUMNS })}`);
      await load();
    },
    close() {
      closed = true;
    },
  };
}
