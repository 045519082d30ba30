// Samples of sets that are no pictures: a histogram of one-dimensional ones, a scatter of two-dimensional ones.

import { h, svg } from "./dom.js";
import { compact, fixed } from "./format.js";
import { ticks } from "./chart.js";

/** Reads a NumPy array file (format 1 or 2, little-endian float32, C order). */
export function readNpy(buffer) {
  const view = new DataView(buffer);
  const long = view.getUint8(6) > 1;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = long ? 12 : 10;
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, start, length));
  if (!header.includes("<f4") || header.includes("'fortran_order': True")) throw new Error(`cannot read an array of ${header}`);
  const shape = header.match(/'shape': \(([^)]*)\)/)[1].split(",").filter((part) => part.trim()).map(Number);
  return { shape, values: new Float32Array(buffer.slice(start + length)) };
}

const SIZE = 400;
const EDGE = 28;

/** A picture of points of `dim` numbers each; only the first two coordinates are drawn. */
export function drawPoints(values, dim) {
  const n = Math.floor(values.length / dim);
  return dim === 1 ? histogram(values, n) : scatter(values, n, dim);
}

function frame(children, text) {
  return h("div", { class: "points", role: "img", "aria-label": text },
    svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" }, children));
}

function axis(low, high, vertical) {
  const scale = (value) => EDGE + ((value - low) / (high - low || 1)) * (SIZE - 2 * EDGE);
  return ticks(low, high, 4).map((tick) => vertical
    ? svg("text", { x: EDGE - 6, y: SIZE - scale(tick) + 4, "text-anchor": "end" }, compact(tick))
    : svg("text", { x: scale(tick), y: SIZE - EDGE + 18, "text-anchor": "middle" }, compact(tick)));
}

function histogram(values, n) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const bins = new Array(40).fill(0);
  const width = (high - low || 1) / bins.length;
  for (const value of values) bins[Math.min(bins.length - 1, Math.floor((value - low) / width))] += 1;
  const top = Math.max(...bins);
  const step = (SIZE - 2 * EDGE) / bins.length;
  const bars = bins.map((bin, i) => {
    const height = (bin / top) * (SIZE - 2 * EDGE);
    return svg("rect", { class: "tone-g fill", x: EDGE + i * step + 0.5, y: SIZE - EDGE - height, width: step - 1, height });
  });
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  return frame([axis(low, high, false), bars], `Histogram of ${n} samples between ${fixed(low, 2)} and ${fixed(high, 2)}, mean ${fixed(mean, 2)}`);
}

function scatter(values, n, dim) {
  let reach = 0;
  for (let i = 0; i < n; i++) reach = Math.max(reach, Math.abs(values[i * dim]), Math.abs(values[i * dim + 1]));
  reach = reach || 1;
  const scale = (value) => EDGE + ((value + reach) / (2 * reach)) * (SIZE - 2 * EDGE);
  const dots = [];
  for (let i = 0; i < n; i++) dots.push(svg("circle", { class: "tone-g fill", cx: scale(values[i * dim]).toFixed(1), cy: (SIZE - scale(values[i * dim + 1])).toFixed(1), r: 2 }));
  return frame([axis(-reach, reach, false), axis(-reach, reach, true), dots], `Scatter of ${n} samples within ${fixed(reach, 2)} of the origin`);
}
