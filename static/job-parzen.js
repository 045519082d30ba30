// Parzen-window log-likelihoods of a job, beside the rows that give them a meaning.

import { get, post, throttled } from "./api.js";
import { bestOf, bestWord } from "./best.js";
import { LineChart } from "./chart.js";
import { h, toast } from "./dom.js";
import { count, fixed, nats, scoreParts } from "./format.js";

/** `onScores` hears of the evaluations whenever they change, or their places along x: by step, one for each. */
export function parzenSection(job, group, onScores) {
  const path = `/jobs/${job.id}/parzen`;
  const chart = new LineChart({
    group, title: "Parzen log-likelihood", unit: "nats", note: "with its standard error", height: 200, format: nats,
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
    onScores(shown);
  }
  group.onAxis = place;

  const refresh = throttled(async () => {
    const { items, reference = [] } = await get(path);
    const done = items.filter((item) => Number.isFinite(item.log_likelihood)).sort((a, b) => a.step - b.step);
    // One curve for one protocol: scores under different ones must not be compared. One score a step: the newest.
    const protocol = usual(done);
    const curve = [...new Map(done.filter((item) => item.protocol === protocol).map((item) => [item.step, item])).values()];
    const beside = reference.filter((row) => Number.isFinite(row.log_likelihood) && (row.protocol === protocol || !protocol));
    chart.setReferences(beside.map((row) => ({ value: row.log_likelihood, label: isPublished(row) ? `${rowName(row)}, published` : rowName(row) })));
    shown = curve;
    place();
    const rows = [...items].sort((a, b) => b.step - a.step);
    table.replaceChildren(rows.length + reference.length ? tableOf(rows, reference, protocol) : h("p", { class: "muted" }, "No evaluation yet."));
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

function isPublished({ source }) {
  return source === "published";
}

/** The score and the error of a row; as they were published, where they were. */
function partsOf(row) {
  return isPublished(row) ? [String(row.log_likelihood), String(row.standard_error)] : scoreParts(row);
}

/** The protocol of most of these scores: that of the job's own spec, whatever else was asked for. */
function usual(scores) {
  const counts = new Map();
  for (const { protocol } of scores) counts.set(protocol, (counts.get(protocol) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

function tableOf(rows, reference, protocol) {
  const number = (text) => h("td", { class: "number" }, text);
  const best = bestOf(rows.filter((row) => row.protocol === protocol));
  return h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, [["Step"], ["Log-likelihood", 1], ["± s.e.", 1], ["σ", 1], ["Samples", 1], ["Protocol"]].map(([label, right]) => h("th", { scope: "col", class: right && "number" }, label)))),
    h("tbody", {}, rows.map((row) => {
      const [score, error] = partsOf(row);
      return h("tr", {}, h("td", {}, count(row.step)),
        Number.isFinite(row.log_likelihood) ? h("td", { class: `number${best.has(row) ? " is-best" : ""}` }, best.has(row) && [h("span", { class: "tag" }, bestWord(best)), " "], score) : number(row.error ?? row.state ?? "–"),
        number(error), number(fixed(row.bandwidth, 3)), number(count(row.samples)), h("td", {}, row.protocol ?? "–"));
    })),
    reference.length > 0 && h("tbody", { class: "reference" }, reference.map((row) => {
      const [score, error] = partsOf(row);
      return h("tr", {}, h("td", {}, rowName(row), isPublished(row) && [" ", h("span", { class: "tag" }, "published")]),
        number(score), number(error), number(fixed(row.bandwidth, 3)), number(count(row.samples)), h("td", {}, row.protocol ?? row.source ?? ""));
    })));
}
