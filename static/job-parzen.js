// Parzen-window log-likelihoods of a job, beside the rows that give them a meaning.

import { get, post, throttled } from "./api.js";
import { LineChart } from "./chart.js";
import { h, toast } from "./dom.js";
import { count, digits, fixed, nats } from "./format.js";

export function parzenSection(job, group) {
  const path = `/jobs/${job.id}/parzen`;
  const chart = new LineChart({
    group, title: "Parzen log-likelihood", note: "nats, with its standard error", height: 200, format: nats,
    series: [{ key: "log_likelihood", label: "Test", tone: "v", error: "standard_error", dots: true, band: true }],
  });
  const table = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Scores" });
  const evaluate = h("button", { type: "button", class: "button", disabled: true, onclick: ask }, "Evaluate now");
  // Of nothing but a checkpoint.
  let allowed = false;
  const node = h("section", { class: "card", "aria-label": "Evaluations" },
    h("div", { class: "card-head" }, h("h2", {}, "Evaluation"), evaluate), chart.element, table);

  async function ask() {
    evaluate.disabled = true;
    try {
      await post(path, {});
      refresh();
    } catch (problem) {
      toast(problem.message);
    } finally {
      evaluate.disabled = !allowed;
    }
  }

  let shown = [];
  function place() {
    chart.setData(shown.map((item) => group.place(item.step)), {
      log_likelihood: shown.map((item) => item.log_likelihood), standard_error: shown.map((item) => item.standard_error ?? 0),
    });
  }
  group.onAxis = place;

  const refresh = throttled(async () => {
    const { items, reference = [] } = await get(path);
    const done = items.filter((item) => Number.isFinite(item.log_likelihood)).sort((a, b) => a.step - b.step);
    // One score a step on the curve: the newest.
    const curve = [...new Map(done.map((item) => [item.step, item])).values()];
    chart.setReferences(reference.filter((row) => Number.isFinite(row.log_likelihood)).map((row) => ({ value: row.log_likelihood, label: rowName(row) })));
    shown = curve;
    place();
    const rows = [...items].sort((a, b) => b.step - a.step);
    table.replaceChildren(rows.length + reference.length ? tableOf(rows, reference) : h("p", { class: "muted" }, "No evaluation yet."));
  }, 1000, (problem) => {
    if (problem.status) table.replaceChildren(h("p", { class: "muted" }, problem.message));
  });

  function allow(now) {
    allowed = now;
    evaluate.disabled = !now;
  }

  return { node, refresh, allow, close() { refresh.stop(); chart.destroy(); } };
}

function rowName(row) {
  return row.name ?? row.label ?? row.kind ?? "reference";
}

function tableOf(rows, reference) {
  const number = (text) => h("td", { class: "number" }, text);
  const many = (row) => Math.max(2, digits(row.log_likelihood, row.standard_error));
  return h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, [["Step"], ["Log-likelihood", 1], ["± s.e.", 1], ["σ", 1], ["Samples", 1], ["Protocol"]].map(([label, right]) => h("th", { scope: "col", class: right && "number" }, label)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("td", {}, count(row.step)),
      Number.isFinite(row.log_likelihood) ? number(fixed(row.log_likelihood, many(row))) : number(row.error ?? row.state ?? "–"),
      number(fixed(row.standard_error, many(row))), number(fixed(row.bandwidth, 3)), number(count(row.samples)), h("td", {}, row.protocol ?? "–")))),
    reference.length > 0 && h("tbody", { class: "reference" }, reference.map((row) => h("tr", {}, h("td", {}, rowName(row)),
      number(fixed(row.log_likelihood, many(row))), number(fixed(row.standard_error, many(row))), number(fixed(row.bandwidth, 3)), number(count(row.samples)), h("td", {}, row.protocol ?? row.source ?? "")))));
}
