// What samples are like beside the data, over the steps: how much of the data they reach, how far they are from it, and
// which classes they fall into.

import { LineChart } from "./chart.js";
import { h, setAttribute, svg } from "./dom.js";
import { count, fixed, percent } from "./format.js";

/** A bar of the histogram, in its own units. */
const BAR = { width: 100, height: 12 };

export function qualitySection(group) {
  const reach = new LineChart({
    group, title: "Coverage and density", height: 170, format: (value) => fixed(value, 2),
    series: [{ key: "coverage", label: "Coverage", tone: "d", dots: true }, { key: "density", label: "Density", tone: "g", dots: true }],
  });
  const frechet = new LineChart({
    group, title: "Fréchet distance", note: "in a classifier's features", height: 170, format: (value) => fixed(value, 2),
    series: [{ key: "distance", label: "Samples", tone: "v", dots: true }],
  });
  const spread = new LineChart({
    group, title: "Entropy of the labels", unit: "nats", height: 140, format: (value) => fixed(value, 3),
    series: [{ key: "entropy", label: "Samples", tone: "v", dots: true }],
  });
  const labels = histogram();
  const table = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of quality" });
  const node = h("section", { class: "card quality", "aria-label": "Quality" },
    h("div", { class: "card-head" }, h("h2", {}, "Quality")),
    reach.element, frechet.element, spread.element, labels.node, table,
    h("details", { class: "explain" }, h("summary", {}, "How to read this"),
      h("p", {}, h("strong", {}, "Coverage"), " is the share of held-out examples that a sample comes near; ", h("strong", {}, "density"), " is how deep among them the samples lie. New examples of the data itself would have a coverage of about 0.97 and a density of about 1. ",
        "The ", h("strong", {}, "Fréchet distance"), " is measured in the features of a small classifier; its floor is that of the training examples from the test examples, and no generator can be expected below.")));
  node.hidden = true;

  /** Evaluations in the order of their steps, one for each. */
  function show(evaluations) {
    const measured = evaluations.filter((item) => item.quality);
    node.hidden = measured.length === 0;
    if (node.hidden) return;
    plot(reach, measured.filter(({ quality }) => quality.coverage), {
      coverage: ({ quality }) => quality.coverage.coverage, density: ({ quality }) => quality.coverage.density,
    }, ({ quality }) => [{ value: ownCoverage(quality.coverage), label: "data" }]);
    plot(frechet, measured.filter(({ quality }) => quality.frechet), { distance: ({ quality }) => quality.frechet.distance },
      ({ quality }) => [{ value: quality.frechet.floor, label: "floor", keep: true }]);
    const labelled = measured.filter(({ quality }) => quality.labels);
    plot(spread, labelled, { entropy: ({ quality }) => quality.labels.entropy },
      ({ quality }) => [{ value: quality.labels.data_entropy, label: "data", keep: true }]);
    labels.show(labelled);
    table.replaceChildren(tableOf([...measured].reverse()));
  }

  function plot(chart, items, columns, references) {
    chart.element.hidden = items.length === 0;
    if (items.length > 0) chart.setReferences(references(items[items.length - 1]));
    chart.setData(items.map((item) => group.place(item.step)),
      Object.fromEntries(Object.entries(columns).map(([key, value]) => [key, items.map(value)])));
  }

  return {
    node,
    show,
    close() {
      for (const chart of [reach, frechet, spread]) chart.destroy();
    },
  };
}

/** About the coverage that new examples of the data itself would have, of k neighbours. */
function ownCoverage({ neighbours }) {
  return 1 - 2 ** -neighbours;
}

/** A row for each evaluation, the newest first. */
function tableOf(items) {
  const heads = [["Step"], ["Coverage", 1], ["Density", 1], ["Fréchet", 1], ["its floor", 1], ["Label entropy", 1], ["the data's", 1], ["Pairwise distance", 1], ["the data's", 1]];
  const number = (value, digits = 2) => h("td", { class: "number" }, fixed(value, digits));
  return h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, heads.map(([label, right]) => h("th", { scope: "col", class: right && "number" }, label)))),
    h("tbody", {}, items.map(({ step, quality: { coverage, frechet, labels, pairwise_distance: distance } }) => h("tr", {}, h("td", {}, count(step)),
      number(coverage?.coverage), number(coverage?.density), number(frechet?.distance), number(frechet?.floor),
      number(labels?.entropy), number(labels?.data_entropy), number(distance?.samples), number(distance?.data)))));
}

/** The share of samples and of data in each class, at an evaluation that can be chosen. */
function histogram() {
  let items = [];
  const which = h("select", { id: "labels-step", "aria-label": "Evaluation", onchange: draw });
  const body = h("tbody", {});
  const node = h("div", { class: "labels" },
    h("div", { class: "card-head" }, h("h3", {}, "Labels of the samples, and of the data"), which),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Histogram of labels" }, h("table", { class: "plain histogram" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Label"), h("th", { scope: "col", class: "histogram-bars" }, key()), h("th", { scope: "col", class: "number" }, "Samples"), h("th", { scope: "col", class: "number" }, "Data"))), body)));

  function draw() {
    const item = items.find(({ step }) => String(step) === which.value) ?? items[items.length - 1];
    const { names, samples, data } = item.quality.labels;
    const most = Math.max(...samples, ...data);
    body.replaceChildren(...samples.map((share, i) => h("tr", {}, h("th", { scope: "row" }, names[i] ?? String(i)), h("td", { class: "histogram-bars" }, bars(share / most, data[i] / most)),
      h("td", { class: "number" }, percent(share)), h("td", { class: "number" }, percent(data[i])))));
  }

  return {
    node,
    show(now) {
      items = now;
      node.hidden = items.length === 0;
      if (node.hidden) return;
      const steps = items.map(({ step }) => String(step)).reverse();
      if (which.dataset.steps !== steps.join()) {
        // The newest stays the newest; an older one that was chosen stays, too.
        const chosen = which.selectedIndex > 0 && steps.includes(which.value) ? which.value : steps[0];
        which.dataset.steps = steps.join();
        which.replaceChildren(...steps.map((step) => h("option", { value: step }, `Step ${count(Number(step))}`)));
        which.value = chosen;
      }
      draw();
    },
  };
}

/** A bar for the samples' share, and a mark where the data's ends. */
function bars(samples, data) {
  const { width, height } = BAR;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "bar-samples", width: samples * width, height }),
    svg("line", { class: "bar-data", x1: data * width, x2: data * width, y1: 0, y2: height }));
  setAttribute(picture, "height", height);
  return picture;
}

function key() {
  return h("span", { class: "histogram-key", "aria-hidden": "true" }, h("i", { class: "key-samples" }), "samples", h("i", { class: "key-data" }), "data");
}
