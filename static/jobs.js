// The jobs: a table that keeps itself up to date.

import { get, onConnection, query, throttled } from "./api.js";
import { h, keyed, setAttribute, setText } from "./dom.js";
import { MOST } from "./compare.js";
import { stateChips } from "./findings.js";
import { ago, count, coverageWords, score, shortId, speed, tagWords, title } from "./format.js";
import { STATUSES, datasets, problemNote, progressBar, remaining } from "./widgets.js";

const PAGE = 50;
/** More the server does not list at once. */
const LIMIT = 200;
const REFRESH = 2000;

const COLUMNS = [
  ["pick", "Compare"], ["name", "Job"], ["dataset", "Dataset"], ["recipe", "Recipe"], ["status", "Status"], ["progress", "Progress"],
  ["speed", "Steps/s"], ["eta", "Time left"], ["parzen", "Parzen, nats"], ["created", "Submitted"],
];
const NUMERIC = new Set(["speed", "eta", "parzen", "created"]);

export function jobsPage(root, _parameters, search) {
  document.title = "Jobs · gand";
  let filter = read(search);
  let limit = PAGE;
  let items = null;
  let unseen = false;

  const status = h("select", { "aria-label": "Status", onchange: apply }, h("option", { value: "" }, "Any status"), STATUSES.map((word) => h("option", { value: word }, word)));
  const dataset = h("select", { "aria-label": "Dataset", onchange: apply }, h("option", { value: "" }, "Any dataset"));
  const name = h("input", { type: "search", placeholder: "Name contains…", "aria-label": "Name contains", oninput: apply });
  const tag = h("input", { type: "search", placeholder: "Tag", "aria-label": "Tag", oninput: apply });
  const body = h("tbody", {});
  const table = h("table", { class: "jobs" },
    h("thead", {}, h("tr", {}, COLUMNS.map(([key, label]) => h("th", { scope: "col", class: NUMERIC.has(key) && "number" }, key === "pick" ? h("span", { class: "visually-hidden" }, label) : label)))), body);
  const note = h("div", { class: "list-note", "aria-live": "polite" });
  const picked = new Set();
  const compare = h("a", { class: "button" });
  const pick = (id, on) => {
    if (on) picked.add(id);
    else picked.delete(id);
    compare.hidden = picked.size < 2;
    compare.classList.toggle("primary", picked.size >= 2);
    setAttribute(compare, "href", `#/compare?jobs=${[...picked].slice(0, MOST).join(",")}`);
    setText(compare, picked.size > MOST ? `Compare the first ${MOST}` : `Compare ${picked.size} jobs`);
  };
  compare.hidden = true;
  const more = h("button", { type: "button", class: "button", onclick: () => { limit = Math.min(LIMIT, limit + PAGE); refresh(); } }, "Show more");
  more.hidden = true;
  root.append(
    h("div", { class: "page-head" }, h("h1", {}, "Jobs"), h("div", { class: "filters", role: "search" }, compare, status, dataset, name, tag)),
    h("div", { class: "card flush" }, table), note, h("div", { class: "actions center" }, more));

  function read(parameters) {
    return { status: parameters.get("status") ?? "", dataset: parameters.get("dataset") ?? "", name: parameters.get("name") ?? "", tag: parameters.get("tag") ?? "" };
  }

  function showFilter() {
    status.value = filter.status;
    dataset.value = filter.dataset;
    for (const [input, value] of [[name, filter.name], [tag, filter.tag]]) if (document.activeElement !== input) input.value = value;
  }

  function apply() {
    filter = { status: status.value, dataset: dataset.value, name: name.value.trim(), tag: tag.value.trim() };
    history.replaceState(null, "", `#/jobs${query(filter)}`);
    refresh();
  }

  const refresh = throttled(async () => {
    const page = await get(`/jobs${query({ ...filter, limit })}`);
    items = page.items;
    unseen = page.next_cursor !== null;
    more.hidden = !unseen || limit >= LIMIT;
    show();
  }, 300, (problem) => {
    if (problem.status) note.replaceChildren(problemNote(problem));
  });

  function show() {
    keyed(body, items, (job) => job.id, (job) => row(job, pick, picked), (entry, job) => entry.update(job));
    table.classList.toggle("is-empty", items.length === 0);
    const filtered = Object.values(filter).some(Boolean);
    if (items.length === LIMIT && unseen) note.replaceChildren(h("p", { class: "muted" }, `These are the newest ${LIMIT}; a filter finds older ones.`));
    else if (items.length > 0) note.replaceChildren();
    else if (filtered) note.replaceChildren(h("p", { class: "empty" }, "No job matches this filter."));
    else if (!note.querySelector(".welcome")) note.replaceChildren(welcome());
  }

  datasets().then((sets) => {
    dataset.append(...sets.map((set) => h("option", { value: set.name }, set.name)));
    showFilter();
  }).catch(() => {
    // The filter stays without names; the connection's state is shown by the shell.
  });
  showFilter();
  refresh();
  const timer = setInterval(() => document.hidden || refresh(), REFRESH);
  const visible = () => document.hidden || refresh();
  document.addEventListener("visibilitychange", visible);
  const unsubscribe = onConnection((online) => online && refresh());
  return {
    update(parameters) {
      filter = read(parameters);
      showFilter();
      refresh();
    },
    close() {
      clearInterval(timer);
      refresh.stop();
      document.removeEventListener("visibilitychange", visible);
      unsubscribe();
    },
  };
}

function welcome() {
  return h("div", { class: "empty welcome" },
    h("h2", {}, "No jobs yet"),
    h("p", {}, "A job trains a generator against a discriminator on one dataset. The built-in digits take a minute or two on a laptop."),
    h("a", { class: "button primary", href: "#/new" }, "Train the first one"));
}

function row(job, pick, picked) {
  const box = h("input", { type: "checkbox", "aria-label": `Compare ${title(job)}`, onchange: () => pick(job.id, box.checked) });
  const link = h("a", { class: "row-link", href: `#/jobs/${job.id}` });
  const under = h("span", { class: "under" });
  const state = stateChips();
  const bar = progressBar(`Progress of ${title(job)}`);
  const cells = Object.fromEntries(COLUMNS.map(([key, label]) => [key, h("td", { class: `c-${key}${NUMERIC.has(key) ? " number" : ""}`, "data-label": label })]));
  const steps = h("span", { class: "steps" });
  const worker = h("span", { class: "under" });
  const parzen = h("span", {});
  const coverage = h("span", { class: "under" });
  cells.pick.append(h("label", { class: "pick" }, box));
  cells.name.append(link, under);
  cells.status.append(state.node, worker);
  cells.progress.append(bar.node, steps);
  cells.parzen.append(parzen, coverage);
  const node = h("tr", {}, Object.values(cells));
  return {
    node,
    update(job) {
      const { step, steps: all, steps_per_second: perSecond } = job.progress ?? {};
      // A filter may have taken the row away, and the box with it.
      box.checked = picked.has(job.id);
      setText(link, title(job));
      setText(under, [shortId(job.id), ...(job.tags ?? []).map(tagWords)].join(" · "));
      setText(cells.dataset, job.spec?.dataset ?? "–");
      setText(cells.recipe, job.spec?.recipe ?? "–");
      state.update(job);
      setText(worker, [job.attempt > 1 && `attempt ${job.attempt}`, job.status === "running" && job.worker].filter(Boolean).join(" · "));
      bar.update(job);
      setText(steps, `${count(step)} / ${count(all)}`);
      setText(cells.speed, job.status === "running" ? speed(perSecond) : "–");
      setText(cells.eta, remaining(job));
      setText(parzen, score(job.parzen));
      setText(coverage, coverageWords(job.parzen));
      setText(cells.created, ago(job.created_at));
      setAttribute(cells.created, "title", job.created_at);
      setAttribute(node, "data-status", job.status);
    },
  };
}
