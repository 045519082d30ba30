// Figure 1 of the paper, drawn from numbers: curves over a line with the way from z to x, or a field over the plane.

import { svg } from "./dom.js";
import { compact } from "./format.js";
import { ticks } from "./chart.js";

const WIDTH = 720;
const CURVES = 330;
const MARGIN = { top: 30, right: 40, bottom: 28, left: 44 };

/** p_data, p_g and D over x; below, arrows from evenly spaced z to G(z). Scales with its container. */
export function lineFigure({ x, data, generated, discriminator, optimal, mapping }) {
  const height = CURVES + (mapping.length ? 130 : 0);
  const [low, high] = [x[0], x[x.length - 1]];
  const left = MARGIN.left;
  const right = WIDTH - MARGIN.right;
  const bottom = CURVES - MARGIN.bottom;
  const top = 1.15 * Math.max(...data, ...generated.map((value) => Math.min(value, 2 * Math.max(...data))));
  const px = (value) => left + ((value - low) / (high - low)) * (right - left);
  const density = (value) => bottom - (Math.min(value, 1.05 * top) / top) * (bottom - MARGIN.top);
  const probability = (value) => bottom - value * (bottom - MARGIN.top);
  const curve = (kind, values, py) => svg("path", { class: `fig ${kind}`, d: `M${x.map((place, i) => `${px(place).toFixed(1)} ${py(values[i]).toFixed(1)}`).join("L")}` });
  const parts = [];
  for (const tick of ticks(0, 1, 4)) {
    const y = Math.round(probability(tick)) + 0.5;
    parts.push(svg("line", { class: "fig-rule", x1: left, x2: right, y1: y, y2: y }), words(right + 6, y + 4, compact(tick), "start"));
  }
  for (const tick of ticks(0, top, 4)) parts.push(words(left - 8, density(tick) + 4, compact(tick), "end"));
  for (const tick of ticks(low, high, 8)) parts.push(words(px(tick), bottom + 17, compact(tick), "middle"));
  parts.push(words(left - 8, MARGIN.top - 12, "density", "start", "fig-axis"), words(right + 6, MARGIN.top - 12, "D(x)", "end", "fig-axis"));
  const fill = svg("path", { class: "fig generated-fill", d: `M${px(low)} ${bottom}L${x.map((place, i) => `${px(place).toFixed(1)} ${density(generated[i]).toFixed(1)}`).join("L")}L${px(high)} ${bottom}Z` });
  parts.push(fill, curve("optimal", optimal, probability), curve("discriminator", discriminator, probability), curve("data", data, density), curve("generated", generated, density));
  const keys = [["data", "p_data"], ["generated", "p_g"], ["discriminator", "D"], ["optimal", "D*"]];
  keys.forEach(([kind, name], i) => {
    const at = left + 70 + 110 * i;
    parts.push(svg("line", { class: `fig ${kind}`, x1: at, x2: at + 26, y1: MARGIN.top - 16, y2: MARGIN.top - 16 }), words(at + 32, MARGIN.top - 12, name, "start", "fig-key"));
  });
  if (mapping.length) {
    const [above, below] = [CURVES + 28, height - 24];
    const [first, last] = [mapping[0][0], mapping[mapping.length - 1][0]];
    const pz = (z) => left + ((z - first) / (last - first)) * (right - left);
    const inside = (value) => Math.min(Math.max(value, low), high);
    parts.push(svg("line", { class: "fig-axis-line", x1: left, x2: right, y1: above, y2: above }), svg("line", { class: "fig-axis-line", x1: left, x2: right, y1: below, y2: below }),
      words(left - 12, above + 4, "x", "end", "fig-axis"), words(left - 12, below + 4, "z", "end", "fig-axis"));
    for (const [z, place] of mapping) {
      const [from, to] = [pz(z), px(inside(place))];
      const length = Math.hypot(to - from, above - below);
      const [ux, uy] = [(to - from) / length, (above - below) / length];
      parts.push(svg("line", { class: "fig-arrow", x1: from, y1: below, x2: to, y2: above }),
        svg("path", { class: "fig-head", d: `M${to} ${above}L${to - 7 * ux - 3 * uy} ${above - 7 * uy + 3 * ux}L${to - 7 * ux + 3 * uy} ${above - 7 * uy - 3 * ux}Z` }));
    }
  }
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", class: "line-figure" }, parts);
}

/** D as a field of colour, with the samples and the modes over it. */
export function planeFigure({ bounds: [low, high], side, discriminator, points, centres, deviation }) {
  const size = 480;
  const place = (value) => ((value - low) / (high - low)) * size;
  const cell = size / side;
  const field = [];
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const d = discriminator[row * side + column];
      const strength = Math.round(Math.abs(2 * d - 1) * 20) / 20;
      if (strength < 0.05) continue;
      field.push(svg("rect", { class: d > 0.5 ? "field-data" : "field-sample", "fill-opacity": (0.55 * strength).toFixed(3),
        x: (column * cell).toFixed(2), y: (size - (row + 1) * cell).toFixed(2), width: (cell + 0.3).toFixed(2), height: (cell + 0.3).toFixed(2) }));
    }
  }
  const rings = centres.flatMap(([x, y]) => [1, 2].map((n) => svg("circle", { class: "mode-ring", cx: place(x).toFixed(1), cy: (size - place(y)).toFixed(1), r: ((n * deviation) / (high - low) * size).toFixed(1) })));
  const dots = `M${points.filter((point) => point.every((value) => value >= low && value <= high)).map(([x, y]) => `${place(x).toFixed(1)} ${(size - place(y)).toFixed(1)}h0`).join("M")}`;
  return svg("svg", { viewBox: `0 0 ${size} ${size + 34}`, role: "img", class: "plane-figure" },
    svg("rect", { class: "plane-ground", x: 0, y: 0, width: size, height: size }), svg("g", {}, field), rings,
    svg("path", { class: "sample-dots", d: dots }),
    [["field-data", "D says data"], ["field-sample", "D says sample"]].map(([kind, text], i) => [
      svg("rect", { class: kind, "fill-opacity": 0.55, x: 150 * i, y: size + 16, width: 14, height: 14, rx: 3 }), words(150 * i + 20, size + 28, text, "start", "fig-key")]),
    svg("circle", { class: "sample-dot", cx: 310, cy: size + 23, r: 3 }), words(320, size + 28, "samples", "start", "fig-key"),
    svg("circle", { class: "mode-ring", cx: 401, cy: size + 23, r: 7 }), words(414, size + 28, "modes", "start", "fig-key"));
}

function words(x, y, text, anchor, kind = "fig-tick") {
  return svg("text", { class: kind, x, y, "text-anchor": anchor }, text);
}
