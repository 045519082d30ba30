// Figure 1 of the paper, drawn from numbers: curves over a line with the way from z to x, or a field over the plane. What
// its signs mean stands in words beside it, which do not grow and shrink with it.

import { h, svg } from "./dom.js";
import { compact } from "./format.js";
import { ticks } from "./chart.js";

const MARGIN = { top: 24, right: 32, bottom: 28, left: 40 };
const NARROWEST = 260;

/** p_data, p_g and D over x, so many pixels wide; below, arrows from evenly spaced z to G(z). */
export function lineFigure({ x, data, generated, discriminator, optimal, mapping }, wanted) {
  const width = Math.max(NARROWEST, Math.round(wanted));
  const curves = Math.round(Math.min(400, Math.max(220, 0.48 * width)));
  const height = curves + (mapping.length ? 130 : 0);
  const [low, high] = [x[0], x[x.length - 1]];
  const left = MARGIN.left;
  const right = width - MARGIN.right;
  const bottom = curves - MARGIN.bottom;
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
  for (const tick of ticks(low, high, Math.max(3, width / 90))) parts.push(words(px(tick), bottom + 17, compact(tick), "middle"));
  parts.push(words(left - 8, MARGIN.top - 12, "density", "start", "fig-axis"), words(right + 6, MARGIN.top - 12, "D(x)", "end", "fig-axis"),
    words(right + 20, bottom + 17, "x", "end", "fig-axis"));
  const fill = svg("path", { class: "fig generated-fill", d: `M${px(low)} ${bottom}L${x.map((place, i) => `${px(place).toFixed(1)} ${density(generated[i]).toFixed(1)}`).join("L")}L${px(high)} ${bottom}Z` });
  parts.push(fill, curve("optimal", optimal, probability), curve("discriminator", discriminator, probability), curve("data", data, density), curve("generated", generated, density));
  if (mapping.length) {
    const [above, below] = [curves + 28, height - 24];
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
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width: width, height, role: "img", class: "line-figure" }, parts);
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
        x: (column * cell).toFixed(2), y: (size - (row + 1) * cell).toFixed(2), width: cell.toFixed(2), height: cell.toFixed(2) }));
    }
  }
  const rings = centres.flatMap(([x, y]) => [1, 2].map((n) => svg("circle", { class: "mode-ring", cx: place(x).toFixed(1), cy: (size - place(y)).toFixed(1), r: ((n * deviation) / (high - low) * size).toFixed(1) })));
  const dots = `M${points.filter((point) => point.every((value) => value >= low && value <= high)).map(([x, y]) => `${place(x).toFixed(1)} ${(size - place(y)).toFixed(1)}h0`).join("M")}`;
  return svg("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", class: "plane-figure" },
    svg("rect", { class: "plane-ground", x: 0, y: 0, width: size, height: size }), svg("g", { "shape-rendering": "crispEdges" }, field), rings,
    svg("path", { class: "sample-dots", d: dots }));
}

/** What the signs of a figure mean. */
export function figureKey(dimensions) {
  const line = (kind) => svg("line", { class: `fig ${kind}`, x1: 0, x2: 24, y1: 8, y2: 8 });
  const square = (kind) => svg("rect", { class: kind, "fill-opacity": 0.55, x: 5, y: 1, width: 14, height: 14, rx: 3 });
  const signs = dimensions === "1"
    ? [[line("data"), "p_data"], [line("generated"), "p_g"], [line("discriminator"), "D"], [line("optimal"), "D*, the best D"]]
    : [[square("field-data"), "D says data"], [square("field-sample"), "D says sample"],
      [svg("circle", { class: "sample-dot", cx: 12, cy: 8, r: 3 }), "samples"], [svg("circle", { class: "mode-ring", cx: 12, cy: 8, r: 7 }), "modes"]];
  return h("ul", { class: "figure-key", "aria-label": "Key" }, signs.map(([sign, text]) => h("li", {}, svg("svg", { width: 24, height: 16, "aria-hidden": "true" }, sign), text)));
}

function words(x, y, text, anchor, kind = "fig-tick") {
  return svg("text", { class: kind, x, y, "text-anchor": anchor }, text);
}
