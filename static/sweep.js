// A sweep: a grid of jobs as a table, with its best.

import { get, onConnection, throttled } from "./api.js";
import { bestOf, bestWord } from "./best.js";
import { MOST } from "./compare.js";
import { h, keyed, setAttribute, setText } from "./dom.js";
import { stateChips } from "./findings.js";
import { ago, count, fixed, score } from "./format.js";
import { FINISHED, problemNote, progressBar } from "./widgets.js";

const REFRESH = 2000;

export function sweepPage(root, [id]) {
  document.title = "Sweep · gand";
  let byScore = false;
  let table = null;
  const list = h("tbody", {});
  const name = h("h1", {}, "Sweep");
  const meta = h("p", { class: "meta" });
  const order = h("button", { type: "button", class: "button", "aria-pressed": "false", onclick: () => { byScore = !byScore; show(); } }, "Best first");
  const compare = h("a", { class: "button primary" }, "Compare");
  const body = h("div", { class: "card flush scroll", tabindex: 0, role: "region", "aria-label": "Jobs of the sweep" });
  root.append(h("div", { class: "page-head" }, h("div", {}, h("a", { class: "crumb", href: "#/compare" }, "Compare"), name, meta), h("div", { class: "actions" }, order, compare)), body);

  function show() {
    const { axes, rows, counts } = table;
    setText(name, table.name ?? axes.map((axis) => axis.name).join(" × "));
    document.title = `${name.textContent} · gand`;
    setText(meta, [`${rows.length} jobs`, ...Object.entries(counts).map(([status, n]) => `${n} ${status}`), `submitted ${ago(table.created_at)}`].join(" · "));
    setAttribute(order, "aria-pressed", byScore);
    const value = (row) => row.best_score?.log_likelihood ?? -Infinity;
    const sorted = [...rows].sort((a, b) => value(b) - value(a));
    const top = sorted.slice(0, MOST).map((row) => row.job);
    compare.hidden = top.length < 2;
    setAttribute(compare, "href", `#/compare?jobs=${top.join(",")}`);
    setText(compare, comparedWords(rows, top));
    const best = comparable(axes) ? bestOf(rows.map((row) => row.best_score)) : new Set();
    keyed(list, byScore ? sorted : rows, (row) => row.job, tableRow, (entry, row) => entry.update(row, best));
    if (body.contains(list)) return;
    body.replaceChildren(h("table", { class: "plain sweep" },
      h("thead", {}, h("tr", {}, axes.map((axis) => h("th", { scope: "col", title: axis.pointer }, axis.name)),
        [["Status"], ["Progress"], ["Best Parzen, nats", 1], ["at step", 1], ["Coverage", 1], ["Density", 1], ["Fréchet", 1], ["its floor", 1], ["V(G, D)", 1], [""]].map(([label, right]) => h("th", { scope: "col", class: right && "number" }, label || h("span", { class: "visually-hidden" }, "Job"))))),
      list));
  }

  const refresh = throttled(async () => {
    table = await get(`/sweeps/${id}`);
    show();
  }, 500, (problem) => problem.status && body.replaceChildren(problem.status === 404
    ? h("div", { class: "empty" }, h("h2", {}, "There is no such sweep"), h("a", { href: "#/compare" }, "To the sweeps")) : problemNote(problem)));
  refresh();
  const over = () => table?.rows.every((row) => FINISHED.has(row.status));
  const timer = setInterval(() => document.hidden || over() || refresh(), REFRESH);
  const unsubscribe = onConnection((online) => online && refresh());
  return { close() { clearInterval(timer); unsubscribe(); refresh.stop(); } };
}

/** Which jobs the button compares; of many the best, once there is any score. */
function comparedWords(rows, top) {
  if (rows.length <= MOST) return `Compare ${top.length} jobs`;
  return `Compare the ${rows.some((row) => row.best_score) ? "best" : "first"} ${MOST}`;
}

/** Whether all jobs are scored on the same data in the same way. */
function comparable(axes) {
  return !axes.some(({ pointer }) => pointer === "/dataset" || pointer.startsWith("/evaluation/parzen"));
}

function tableRow({ job, name, values }) {
  const state = stateChips();
  const bar = progressBar(`Progress of ${name}`);
  const tag = h("span", { class: "tag" });
  const best = h("span", {});
  const [step, coverage, density, frechet, floor, value] = Array.from({ length: 6 }, () => h("td", { class: "number" }));
  const node = h("tr", {}, values.map((value) => h("td", {}, h("code", {}, JSON.stringify(value)))),
    h("td", {}, state.node), h("td", { class: "c-progress" }, bar.node), h("td", { class: "number" }, tag, " ", best), step,
    coverage, density, frechet, floor, value, h("td", { class: "number" }, h("a", { href: `#/jobs/${job}`, "aria-label": `Open ${name}` }, "Open")));
  return {
    node,
    update(row, winners) {
      const won = winners.has(row.best_score);
      state.update({ ...row, id: job });
      bar.update(row);
      tag.hidden = !won;
      setText(tag, bestWord(winners));
      setAttribute(node, "class", won && "is-best");
      setText(best, score(row.best_score));
      setText(step, count(row.best_score?.step));
      setText(coverage, fixed(row.best_score?.coverage, 2));
      setText(density, fixed(row.best_score?.density, 2));
      setText(frechet, fixed(row.best_score?.frechet?.distance, 2));
      setText(floor, fixed(row.best_score?.frechet?.floor, 2));
      setText(value, fixed(row.latest?.value));
    },
  };
}
