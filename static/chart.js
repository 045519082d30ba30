// Line charts in SVG: live, with a shared cursor, a hover read-out, zoom by dragging and by keyboard, reference lines,
// smoothing and error bars. Colours come from the style sheet, so that a change of theme needs no redraw.

import { h, setAttribute, setText, svg } from "./dom.js";
import { compact, count, duration, shortDuration, withError } from "./format.js";

const MARGIN = { top: 26, right: 46, bottom: 26, left: 48 };
let nextId = 0;

/** What stands along x: its name, how to place ticks, and how to say a place at a tick and in the read-out. */
export const STEPS = { name: "step", ticks: (low, high, wanted) => ticks(low, high, wanted, true), tick: compact, say: (step) => `step ${count(step)}` };
export const SECONDS = { name: "time", ticks: timeTicks, tick: shortDuration, say: (seconds) => `after ${duration(seconds)}` };

/** Charts that share their cursor and their window of steps. */
export class ChartGroup {
  charts = [];
  window = null;
  axis = STEPS;
  onWindow = () => {};

  setCursor(step) {
    for (const chart of this.charts) chart.showCursor(step);
  }

  /** From the first to the last step that any chart knows, so that all have one axis. */
  extent() {
    if (this.whole) return this.whole;
    const ends = this.charts.map((chart) => chart.data.x).filter((x) => x.length > 0);
    const low = Math.min(...ends.map((x) => x[0]));
    const high = Math.max(...ends.map((x) => x[x.length - 1]));
    return ends.length === 0 ? [0, 1] : high > low ? [low, high] : [0, Math.max(1, high)];
  }

  setWindow(window) {
    this.window = window;
    for (const chart of this.charts) chart.schedule();
    this.onWindow(window);
  }
}

export class LineChart {
  /**
   * `series`: [{key, label, tone, error?, dots?, at?, keep?}], `references`: [{value, label, keep?}], `domain`: fixed
   * [low, high] or null, `format`: of a value in the read-out, `unit`: what y is measured in ("nats", "probability"),
   * shown at its axis. `at` names the column of a series that is not measured at the chart's x. What is to be kept
   * never leaves the frame.
   */
  constructor({ title, note, series, references = [], domain = null, format, unit = "", group, height = 220 }) {
    Object.assign(this, { title, series, references, domain, format, unit, group, height });
    this.wantedHeight = height;
    this.margin = MARGIN;
    this.data = { x: [], columns: {} };
    this.newest = null;
    this.smoothing = 0;
    this.cursor = null;
    this.width = 0;
    this.clip = `clip-${nextId++}`;
    group.charts.push(this);
    this.build(note);
    this.observer = new ResizeObserver(() => this.schedule());
    this.observer.observe(this.plot);
  }

  build(note) {
    this.legend = this.series.map((series) => {
      const value = h("span", { class: "legend-value" }, "–");
      const node = h("span", { class: `legend-item tone-${series.tone}` }, h("i", { "aria-hidden": "true" }), h("span", {}, series.label), value);
      return { node, value };
    });
    this.noteNode = h("span", { class: "chart-note" }, note ?? "");
    this.titleNode = h("span", { class: "chart-title" }, this.title);
    this.stepLabel = h("span", { class: "legend-step" });
    this.resetButton = h("button", { type: "button", class: "ghost small", onclick: () => this.group.setWindow(null) }, "Show all");
    this.resetButton.hidden = true;
    this.spoken = h("span", { class: "visually-hidden", "aria-live": "polite" });
    this.grid = svg("g", { class: "grid" });
    this.marks = svg("g", { class: "references" });
    this.lines = svg("g", { "clip-path": `url(#${this.clip})` });
    this.overlay = svg("g", {});
    this.clipRect = svg("rect");
    this.svg = svg("svg", { height: this.height, "aria-hidden": "true" },
      svg("defs", {}, svg("clipPath", { id: this.clip }, this.clipRect)), this.grid, this.marks, this.lines, this.overlay);
    this.empty = h("p", { class: "chart-empty" }, "Nothing measured yet.");
    this.plot = h("div", {
      class: "plot", tabindex: "0", role: "group",
      "aria-label": this.instructions(),
    }, this.svg, this.empty);
    this.element = h("figure", { class: "chart" },
      h("figcaption", {}, this.titleNode, this.stepLabel, this.noteNode,
        h("span", { class: "legend" }, this.legend.map((item) => item.node), this.resetButton)),
      this.plot, this.spoken);
    this.listen();
  }

  listen() {
    let from = null;
    const at = (event) => event.clientX - this.plot.getBoundingClientRect().left;
    this.plot.addEventListener("pointermove", (event) => {
      if (from !== null) this.drawSelection(from, at(event));
      this.group.setCursor(this.nearest(this.toStep(at(event))));
    });
    this.plot.addEventListener("pointerleave", () => {
      if (from === null) this.group.setCursor(null);
    });
    this.plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      from = at(event);
      this.plot.setPointerCapture(event.pointerId);
    });
    const end = (event) => {
      if (from === null) return;
      const [a, b] = [from, at(event)].sort((p, q) => p - q);
      from = null;
      this.selection?.remove();
      this.selection = null;
      if (event.type === "pointerup" && b - a > 8) this.zoomTo(this.toStep(a), this.toStep(b));
    };
    this.plot.addEventListener("pointerup", end);
    this.plot.addEventListener("pointercancel", end);
    this.plot.addEventListener("dblclick", () => this.group.setWindow(null));
    this.plot.addEventListener("blur", () => this.group.setCursor(null));
    this.plot.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const { x } = this.data;
    // With another key held they are the browser's.
    if (!x.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const [low, high] = this.span();
    const current = this.cursor ?? high;
    const move = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    if (move) {
      const index = Math.min(x.length - 1, Math.max(0, lowerBound(x, current) + move));
      this.group.setCursor(x[index]);
      this.speak();
    } else if (event.key === "Home" || event.key === "End") {
      this.group.setCursor(event.key === "Home" ? this.nearest(low) : this.nearest(high));
      this.speak();
    } else if (event.key === "+" || event.key === "=" || event.key === "-") {
      const half = ((high - low) / 2) * (event.key === "-" ? 2 : 0.5);
      this.zoomTo(current - half, current + half);
    } else if (event.key === "Escape" || event.key === "0") {
      this.group.setWindow(null);
    } else {
      return;
    }
    event.preventDefault();
  }

  speak() {
    const values = this.legend.map((item, i) => `${this.series[i].label} ${item.value.textContent}`);
    setText(this.spoken, `${this.stepLabel.textContent}: ${values.join(", ")}`);
  }

  zoomTo(a, b) {
    const [low, high] = this.group.extent();
    const window = [Math.max(low, Math.round(a)), Math.min(high, Math.round(b))];
    if (window[0] <= low && window[1] >= high) this.group.setWindow(null);
    else if (window[1] - window[0] >= 2) this.group.setWindow(window);
  }

  /**
   * `x` ascending; `columns[key]` as long; `columns[series.error]` for error bars; `columns[`${key}.mean`]`: the means
   * of the steps that a point stands for, where others were left out; `columns.step` where x is something else.
   * `newest`: {x, [key]: value}, what is known of a later place than the last of x; it stands beyond the line's end as a
   * point of its own, for what lies between is not known yet.
   */
  setData(x, columns, newest = null) {
    this.data = { x, columns };
    this.newest = newest !== null && newest.x > (x[x.length - 1] ?? -Infinity) ? newest : null;
    this.schedule();
  }

  setNote(note) {
    setText(this.noteNode, note);
  }

  setUnit(unit) {
    this.unit = unit;
    setAttribute(this.plot, "aria-label", this.instructions());
    this.schedule();
  }

  setTitle(title) {
    this.title = title;
    setText(this.titleNode, title);
    setAttribute(this.plot, "aria-label", this.instructions());
  }

  instructions() {
    return `${this.title}${this.unit && `, in ${this.unit}`}. Arrow keys read values, plus and minus zoom, Escape shows all.`;
  }

  setReferences(references) {
    this.references = references;
    this.schedule();
  }

  setSmoothing(smoothing) {
    this.smoothing = smoothing;
    this.schedule();
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  destroy() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  span() {
    return this.group.window ?? this.group.extent();
  }

  /** Where a series' values are. */
  places({ at }) {
    return at ? this.data.columns[at] ?? [] : this.data.x;
  }

  /** The part of ascending places that the window shows, and one more at either side. */
  inSight(x) {
    const [low, high] = this.span();
    return [Math.max(0, lowerBound(x, low) - 1), Math.min(x.length, lowerBound(x, high) + 1)];
  }

  /** The index of the place of a series that a step means, or -1 where the series has not been. */
  indexAt(series, step) {
    const x = this.places(series);
    if (!x.length || step < x[0] || step > x[x.length - 1]) return -1;
    return lowerBound(x, nearest(x, step));
  }

  toStep(pixel) {
    const [low, high] = this.span();
    return low + ((pixel - this.margin.left) / Math.max(1, this.width - this.margin.left - this.margin.right)) * (high - low);
  }

  nearest(step) {
    return nearest(this.data.x, step);
  }

  draw() {
    this.width = this.plot.clientWidth;
    if (!this.width) return;
    // Where letters are larger, so is all else.
    const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    this.height = Math.round(this.wantedHeight * unit);
    this.margin = Object.fromEntries(Object.entries(MARGIN).map(([side, size]) => [side, Math.round(size * unit)]));
    const { x, columns } = this.data;
    this.empty.hidden = x.length > 0;
    this.resetButton.hidden = !this.group.window;
    setAttribute(this.svg, "width", this.width);
    setAttribute(this.svg, "height", this.height);
    setAttribute(this.svg, "viewBox", `0 0 ${this.width} ${this.height}`);

    const [x0, x1] = this.span();
    this.smooth = this.series.map((series) => (series.dots ? columns[series.key] : smoothed(columns.step ?? this.places(series), columns[series.key] ?? [], this.smoothing, columns[`${series.key}.mean`])));
    const [y0, y1] = this.domain ?? this.range();
    const right = this.width - this.margin.right;
    const bottom = this.height - this.margin.bottom;
    this.px = (value) => this.margin.left + ((value - x0) / (x1 - x0 || 1)) * (right - this.margin.left);
    this.py = (value) => bottom - ((value - y0) / (y1 - y0 || 1)) * (bottom - this.margin.top);
    // A little wider, so that a dot at either end is whole.
    for (const [name, value] of Object.entries({ x: this.margin.left - 5, y: this.margin.top - 4, width: Math.max(0, right - this.margin.left + 10), height: bottom - this.margin.top + 8 })) {
      setAttribute(this.clipRect, name, value);
    }

    this.drawGrid(x0, x1, y0, y1, right, bottom);
    this.drawReferences(y0, y1, right);
    this.lines.replaceChildren(...this.series.flatMap((series, i) => this.drawSeries(series, this.smooth[i])));
    this.showCursor(this.cursor);
  }

  /** The values in sight, with room; a few wild ones do not flatten the rest, and leave through the frame. */
  range() {
    const values = [];
    const kept = [];
    for (const series of this.series) {
      const { key, error, keep } = series;
      const column = this.data.columns[key] ?? [];
      const [first, last] = this.inSight(this.places(series));
      for (let i = first; i < last; i++) {
        if (!Number.isFinite(column[i])) continue;
        const spread = error ? this.data.columns[error]?.[i] ?? 0 : 0;
        (keep ? kept : values).push(column[i] - spread, column[i] + spread);
      }
      if (this.newest?.x <= this.span()[1] && Number.isFinite(this.newest[key])) values.push(this.newest[key]);
    }
    if (!values.length) values.push(...kept);
    if (!values.length) return [0, 1];
    values.sort((a, b) => a - b);
    let low = values[0];
    let high = values[values.length - 1];
    if (values.length > 40) {
      const q = (p) => values[Math.floor(p * (values.length - 1))];
      const middle = q(0.98) - q(0.02);
      if (high - low > 4 * middle && middle > 0) [low, high] = [Math.max(low, q(0.02) - middle), Math.min(high, q(0.98) + middle)];
    }
    for (const value of kept) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    for (const { value, keep } of this.references) {
      const reach = keep ? Infinity : 2 * (high - low) + 0.2;
      if (value < low && low - value < reach) low = value;
      if (value > high && value - high < reach) high = value;
    }
    const room = (high - low || Math.abs(high) || 1) * 0.08;
    return [low - room, high + room];
  }

  drawGrid(x0, x1, y0, y1, right, bottom) {
    const parts = [];
    if (!this.data.x.length) return this.grid.replaceChildren();
    const rows = ticks(y0, y1, Math.max(2, Math.round(this.wantedHeight / 48)));
    for (const tick of rows) {
      const y = Math.round(this.py(tick)) + 0.5;
      parts.push(svg("line", { x1: this.margin.left, x2: right, y1: y, y2: y }), label(this.margin.left - 8, y + 4, compact(tick, rows[1] - rows[0]), "end"));
    }
    const { axis } = this.group;
    const columns = axis.ticks(x0, x1, Math.max(2, Math.round((this.width * this.wantedHeight) / (110 * this.height))));
    for (const tick of columns) {
      parts.push(label(this.px(tick), bottom + 0.7 * this.margin.bottom, axis.tick(tick, columns[1] - columns[0] || undefined), "middle"));
    }
    // The axes' names, where no tick and no curve comes.
    parts.push(svg("text", { class: "axis-name", x: 0, y: 0.4 * this.margin.top }, this.unit),
      svg("text", { class: "axis-name", x: this.width, y: bottom + 0.7 * this.margin.bottom, "text-anchor": "end" }, axis.name));
    this.grid.replaceChildren(...parts);
  }

  drawReferences(y0, y1, right) {
    const parts = [];
    if (!this.data.x.length) return this.marks.replaceChildren();
    let above = -Infinity;
    for (const { value, label: text } of [...this.references].sort((a, b) => b.value - a.value)) {
      if (value < y0 || value > y1) continue;
      const y = Math.round(this.py(value)) + 0.5;
      parts.push(svg("line", { x1: this.margin.left, x2: right, y1: y, y2: y }));
      // Short ones stand in the margin, where no curve goes; of those that lie close, none over another.
      if (text.length < 7) {
        parts.push(label(right + 6, y + 4, text, "start"));
        continue;
      }
      const base = y - 5 - above < 14 ? y + 14 : y - 5;
      parts.push(label(this.margin.left + 6, base, text, "start"));
      above = base;
    }
    this.marks.replaceChildren(...parts);
  }

  drawSeries(series, smooth) {
    const { columns } = this.data;
    const x = this.places(series);
    const [first, last] = this.inSight(x);
    const raw = columns[series.key] ?? [];
    const parts = [];
    if (series.band) parts.push(svg("path", { class: `band tone-${series.tone}`, d: this.bandPath(x, raw, columns[series.error] ?? [], first, last) }));
    if (this.smoothing > 0 && !series.dots) parts.push(svg("path", { class: `line faint tone-${series.tone}`, d: this.path(x, raw, first, last) }));
    parts.push(svg("path", { class: `line tone-${series.tone}`, d: this.path(x, smooth ?? [], first, last) }));
    if (this.newest && Number.isFinite(this.newest[series.key])) parts.push(svg("circle", { class: `dot newest tone-${series.tone}`, cx: this.px(this.newest.x), cy: this.py(this.newest[series.key]), r: 2.5 }));
    if (series.dots) {
      for (let i = first; i < last; i++) {
        if (!Number.isFinite(raw[i])) continue;
        const [cx, cy] = [this.px(x[i]), this.py(raw[i])];
        const spread = columns[series.error]?.[i];
        if (spread) parts.push(svg("line", { class: `bar tone-${series.tone}`, x1: cx, x2: cx, y1: this.py(raw[i] - spread), y2: this.py(raw[i] + spread) }));
        parts.push(svg("circle", { class: `dot tone-${series.tone}`, cx, cy, r: 3 }));
      }
    }
    return parts;
  }

  bandPath(x, values, spreads, first, last) {
    const inside = [];
    for (let i = first; i < last; i++) if (Number.isFinite(values[i])) inside.push(i);
    if (inside.length < 2) return "";
    const edge = (indices, sign) => indices.map((i) => `${this.px(x[i]).toFixed(1)} ${this.py(values[i] + sign * (spreads[i] ?? 0)).toFixed(1)}`).join("L");
    return `M${edge(inside, 1)}L${edge(inside.reverse(), -1)}Z`;
  }

  path(x, values, first, last) {
    let d = "";
    let pen = "M";
    for (let i = first; i < last; i++) {
      if (!Number.isFinite(values[i])) {
        pen = "M";
        continue;
      }
      d += `${pen}${this.px(x[i]).toFixed(1)} ${this.py(values[i]).toFixed(1)}`;
      pen = "L";
    }
    return d;
  }

  showCursor(step) {
    this.cursor = step;
    if (!this.px) return;
    const { columns } = this.data;
    const place = step === null ? null : this.nearest(step);
    // Without a cursor each series shows its newest value.
    const indices = this.series.map((series) => (place === null ? this.places(series).length - 1 : this.indexAt(series, place)));
    this.series.forEach(({ key, error }, i) => {
      const index = indices[i];
      const value = place === null && this.newest ? this.newest[key] : index < 0 ? null : columns[key]?.[index];
      const spread = error && index >= 0 ? columns[error]?.[index] : null;
      setText(this.legend[i].value, spread ? withError(value, spread) : this.format(value ?? null));
    });
    setText(this.stepLabel, place === null ? "" : this.group.axis.say(place));
    if (place === null) return this.overlay.replaceChildren(...(this.selection ? [this.selection] : []));
    const px = Math.round(this.px(place)) + 0.5;
    if (px < this.margin.left - 1 || px > this.width - this.margin.right + 1) return this.overlay.replaceChildren();
    const marks = [svg("line", { class: "cursor", x1: px, x2: px, y1: this.margin.top, y2: this.height - this.margin.bottom })];
    this.series.forEach(({ key, tone }, i) => {
      const value = columns[key]?.[indices[i]];
      if (Number.isFinite(value)) marks.push(svg("circle", { class: `dot tone-${tone}`, cx: px, cy: this.py(value), r: 3.5, "clip-path": `url(#${this.clip})` }));
    });
    if (this.selection) marks.push(this.selection);
    this.overlay.replaceChildren(...marks);
  }

  drawSelection(a, b) {
    this.selection ??= svg("rect", { class: "selection" });
    const left = Math.max(this.margin.left, Math.min(a, b));
    const right = Math.min(this.width - this.margin.right, Math.max(a, b));
    for (const [name, value] of Object.entries({ x: left, y: this.margin.top, width: Math.max(0, right - left), height: this.height - this.margin.top - this.margin.bottom })) {
      setAttribute(this.selection, name, value);
    }
  }
}

function label(x, y, text, anchor) {
  return svg("text", { x, y, "text-anchor": anchor }, text);
}

/** The first index whose value is not below `value`. */
export function lowerBound(values, value) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function nearest(x, step) {
  if (!x.length) return null;
  const i = lowerBound(x, step);
  if (i === 0) return x[0];
  if (i === x.length) return x[x.length - 1];
  return step - x[i - 1] < x[i] - step ? x[i - 1] : x[i];
}

/** Round times in [low, high] seconds. */
function timeTicks(low, high, wanted) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];
  const rough = (high - low) / wanted;
  const step = steps.find((step) => step >= rough * 0.999) ?? Math.ceil(rough / 86_400) * 86_400;
  const found = [];
  for (let tick = Math.ceil(low / step - 1e-9); tick * step <= high + 1e-9; tick++) found.push(tick * step);
  return found;
}

/** Round numbers in [low, high], about `wanted` of them. */
export function ticks(low, high, wanted, whole = false) {
  const rough = (high - low) / wanted;
  if (!(rough > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
  if (whole) step = Math.max(1, Math.round(step));
  const found = [];
  for (let tick = Math.ceil(low / step - 1e-9); tick * step <= high + step * 1e-9; tick++) found.push(Number((tick * step).toPrecision(12)));
  return found;
}

/** Steps after which, at a smoothing of w, the past counts w times what it did. */
const SMOOTHING_UNIT = 20;

/**
 * An exponential moving average by distance in steps: what was d steps ago counts w^(d / SMOOTHING_UNIT), w the smoothing.
 * With τ = −SMOOTHING_UNIT / ln w,
 *
 *     S(x) = ∫ y(u) e^(−(x − u)/τ) du / ∫ e^(−(x − u)/τ) du, both from the first step to x,
 *
 * where y is, up to each point, the mean of the steps that it stands for (`means`; where none were left out, the values
 * themselves). So it does not depend on how many points stand for a stretch of the curve, on the peaks that are kept, on
 * how long the curve is, or on how much of it is in sight; and its start has no pull towards zero.
 */
export function smoothed(steps, values, smoothing, means = values) {
  if (!(smoothing > 0)) return values;
  const tau = -SMOOTHING_UNIT / Math.log(smoothing);
  let [last, sum, mass] = [null, 0, 0];
  return values.map((value, i) => {
    if (!Number.isFinite(value)) return value;
    const k = (steps[i] - (last ?? steps[i] - 1)) / tau;
    const [decay, gain] = [Math.exp(-k), -Math.expm1(-k)];
    sum = sum * decay + (Number.isFinite(means[i]) ? means[i] : value) * gain;
    mass = mass * decay + gain;
    last = steps[i];
    return sum / mass;
  });
}

/** `columns` with all that `detail` has between its first and its last step in place of what they have there. */
export function spliced(columns, detail) {
  const { step } = detail;
  if (!step.length) return columns;
  const before = lowerBound(columns.step, step[0]);
  const after = lowerBound(columns.step, step[step.length - 1] + 1);
  return Object.fromEntries(Object.entries(columns).map(([key, column]) => [key, [...column.slice(0, before), ...detail[key], ...column.slice(after)]]));
}
