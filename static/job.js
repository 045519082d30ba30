// One job: what it does now, and what it has learned.

import { Problem, get, onConnection, post, query, remove, throttled } from "./api.js";
import { ask, h, setAttribute, setText, toast } from "./dom.js";
import { faultOf, findingsSection, stateChips } from "./findings.js";
import { ago, count, duration, fixed, scoreParts, shortId, speed, tagWords, title } from "./format.js";
import { chartsSection } from "./job-charts.js";
import { eventsSection, specSection } from "./job-details.js";
import { downloadsSection } from "./job-downloads.js";
import { parzenSection } from "./job-parzen.js";
import { qualitySection } from "./job-quality.js";
import { samplesSection } from "./job-samples.js";
import { watch } from "./live.js";
import { ACTIVE, DENSITIES, copyable, problemNote, progressBar, remaining } from "./widgets.js";

const STALE = 45_000;

export function jobPage(root, [id], search) {
  document.title = "Job · gand";
  root.classList.add("job-page");
  let stop = null;
  let opening = false;
  let closed = false;
  let wanted = search.get("show");
  root.append(h("p", { class: "muted loading" }, "Loading…"));

  async function start() {
    opening = true;
    try {
      const job = await get(`/jobs/${id}`);
      if (closed) return;
      stop = show(root, job);
      goToWanted();
    } finally {
      opening = false;
    }
  }
  function open() {
    // A connection that comes back opens it too, and may do so meanwhile.
    if (!opening) start().catch((problem) => {
      if (!(problem instanceof Problem)) throw problem;
      root.replaceChildren(problem.status === 404
        ? h("div", { class: "empty" }, h("h1", {}, "There is no such job"), h("p", {}, "It may have been deleted. ", h("a", { href: "#/jobs" }, "To the jobs")))
        : problemNote(problem));
    });
  }
  /** A chip elsewhere led to a section of this page. */
  function goToWanted() {
    if (wanted !== "findings" || stop === null) return;
    wanted = null;
    // The same chip leads here again.
    history.replaceState(null, "", `#/jobs/${id}`);
    const section = root.querySelector("#findings");
    section?.scrollIntoView({ block: "start" });
    section?.focus({ preventScroll: true });
  }
  open();
  const unsubscribe = onConnection((online) => online && stop === null && open());
  return {
    update(parameters) {
      wanted = parameters.get("show");
      goToWanted();
    },
    close() {
      closed = true;
      unsubscribe();
      stop?.();
    },
  };
}

function show(root, first) {
  let job = first;
  let lastNews = Date.now();
  const path = `/jobs/${job.id}`;
  const head = header(command);
  const stats = tiles(job);
  const charts = chartsSection(job);
  const samples = samplesSection(job);
  const quality = qualitySection(charts.group);
  const parzen = parzenSection(job, charts.group, quality.show);
  const findings = findingsSection();
  const events = eventsSection(job);
  const downloads = downloadsSection(job, parzen.allow);
  const spec = specSection(job);
  const sections = [head, stats, charts, samples, parzen, quality, findings, events, downloads, spec];
  root.replaceChildren(head.node, head.alert, stats.node,
    h("div", { class: "job-grid" },
      h("div", { class: "column main-column" }, charts.node, parzen.node, quality.node, events.node),
      h("div", { class: "column side-column" }, samples.node, findings.node, downloads.node, spec.node)));

  function update() {
    document.title = `${title(job)} · gand`;
    for (const section of sections) section.update?.(job);
    head.stale(job.status === "running" && Date.now() - lastNews > STALE ? Date.now() - lastNews : 0);
  }

  async function look() {
    const before = job;
    const now = await get(path);
    if (now.progress.step !== before.progress.step) lastNews = Date.now();
    // Events that came while the answer was on its way know more.
    const { step } = job.progress;
    if (now.attempt === job.attempt && now.progress.step < step) Object.assign(now, { progress: { ...now.progress, step }, latest: job.latest });
    job = now;
    update();
  }

  function lost(problem) {
    if (problem.status !== 404) return;
    stop();
    root.replaceChildren(h("div", { class: "empty" }, h("h1", {}, "This job was deleted"), h("a", { href: "#/jobs" }, "To the jobs")));
  }

  const refresh = throttled(look, 1000, lost);
  // What losses do not tell: the speed, and how long it will take.
  const glance = throttled(look, 5000, lost);

  function everything() {
    refresh();
    for (const section of sections) section.refresh?.();
  }

  async function command(name) {
    const done = await run(name).catch((problem) => {
      if (!(problem instanceof Problem)) throw problem;
      toast(problem.message);
    });
    if (done === "gone") location.hash = "#/jobs";
    else everything();
  }

  async function run(name) {
    if (name === "cancel" && !(await ask({ title: "Cancel this job?", body: "Training stops within one step. A checkpoint is kept, so that it can be extended later.", confirm: "Cancel the job", danger: true }))) return null;
    if (name === "delete") {
      if (!(await ask({ title: "Delete this job?", body: "Its metrics, samples, evaluations and checkpoints go with it. There is no way back.", confirm: "Delete for good", danger: true }))) return null;
      await remove(path);
      return "gone";
    }
    if (name === "extend") return extend();
    return post(`${path}/${name}`);
  }

  async function extend() {
    const reached = job.progress.step;
    const steps = h("input", { id: "more-steps", type: "number", min: 1, step: 1, required: true, inputmode: "numeric", value: job.spec.training?.steps ?? 1000, oninput: say });
    const end = h("p", { class: "extend-end", role: "status" });
    const last = () => (steps.checkValidity() ? reached + steps.valueAsNumber : null);
    function say() {
      setText(end, last() === null ? "A whole number of steps, 1 or more." : `Trains from step ${count(reached)} to step ${count(last())}.`);
    }
    say();
    const answer = await ask({ title: "Train on", body: "From the last checkpoint, with all optimiser state.", fields: [h("div", { class: "field" }, h("label", { for: "more-steps" }, "Steps more"), steps), end], confirm: "Extend" });
    // The end itself, so that what was said is what is done.
    return answer && post(`${path}/extend`, { to_step: last() });
  }

  const unwatch = watch(job.id, {
    onEvent(kind, { step, data }) {
      lastNews = Date.now();
      if (kind === "metrics") {
        job = { ...job, progress: { ...job.progress, step }, latest: data };
        update();
        glance();
        charts.grow(data);
        return;
      }
      refresh();
      if (kind === "status") { charts.refresh(); stats.refresh(); }
      else if (kind === "snapshot") samples.grow();
      else if (kind === "checkpoint") { samples.refresh(); downloads.refresh(); }
      else if (kind === "evaluation") parzen.refresh();
      if (kind !== "snapshot") events.refresh();
    },
    onTick: everything,
  });
  const clock = setInterval(update, 5000);
  const unsubscribe = onConnection((online) => online && everything());
  function stop() {
    clearInterval(clock);
    unsubscribe();
    unwatch();
    refresh.stop();
    glance.stop();
    for (const section of sections) section.close?.();
  }
  update();
  everything();
  return stop;
}

const COMMANDS = {
  queued: ["pause", "cancel"], running: ["pause", "cancel"], pausing: ["resume", "cancel"], paused: ["resume", "cancel"],
  cancelling: [], cancelled: ["extend", "delete"], succeeded: ["extend", "delete"], failed: ["delete"],
};

function header(command) {
  const name = h("h1", {});
  const state = stateChips();
  const meta = h("p", { class: "meta" });
  const stale = h("p", { class: "stale", role: "status" });
  const clone = h("a", { class: "button" }, "Clone");
  const theory = h("a", { class: "button" }, "Theory");
  const buttons = Object.fromEntries(["resume", "pause", "extend", "cancel", "delete"].map((key) => [key,
    h("button", { type: "button", class: `button${key === "cancel" || key === "delete" ? " danger-text" : ""}`, onclick: () => command(key) }, key[0].toUpperCase() + key.slice(1))]));
  const alert = h("div", { "aria-live": "polite" });
  const submitted = h("span", {});
  let shownMeta = "";
  return {
    alert,
    node: h("div", { class: "page-head job-head" },
      h("div", {}, h("a", { class: "crumb", href: "#/jobs" }, "Jobs"), h("div", { class: "title-line" }, name, h("span", { "aria-live": "polite" }, state.node)), meta, stale),
      h("div", { class: "actions" }, Object.values(buttons), clone, theory)),
    stale(age) {
      setText(stale, age ? `No news from the worker for ${duration(age / 1000)}.` : "");
    },
    update(job) {
      setText(name, title(job));
      state.update(job);
      setAttribute(clone, "href", `#/new?clone=${job.id}`);
      setAttribute(theory, "href", `#/theory?job=${job.id}`);
      theory.hidden = !DENSITIES.has(job.spec.dataset);
      const focused = Object.values(buttons).find((button) => button === document.activeElement);
      for (const [key, button] of Object.entries(buttons)) button.hidden = !COMMANDS[job.status]?.includes(key);
      // Whoever pressed it by keyboard goes on from where it was.
      if (focused?.hidden) (Object.values(buttons).find((button) => !button.hidden) ?? clone).focus();
      setText(submitted, `submitted ${ago(job.created_at)}`);
      const facts = [
        h("a", { href: `#/datasets/${encodeURIComponent(job.spec.dataset)}` }, job.spec.dataset), job.spec.recipe, `seed ${job.spec.seed}`,
        submitted, job.worker && `worker ${job.worker}`, job.attempt > 1 && `attempt ${job.attempt}`,
        job.from && h("a", { href: `#/jobs/${job.from.job}` }, `from step ${count(job.from.step)} of ${shortId(job.from.job)}`), ...(job.tags ?? []).map((tag) => h("a", { class: "tag", href: tag.startsWith("sweep:") ? `#/sweeps/${tag.slice(6)}` : `#/jobs${query({ tag })}` }, tagWords(tag))),
      ].filter(Boolean);
      const key = facts.filter((fact) => fact !== submitted).map((fact) => fact.textContent ?? fact).join("·");
      if (key !== shownMeta) {
        shownMeta = key;
        meta.replaceChildren(...facts.flatMap((fact) => [fact, " · "]), copyable(job.id, shortId(job.id)));
      }
      const fault = faultOf(job);
      if (alert.dataset.shown !== (fault ?? "")) {
        alert.dataset.shown = fault ?? "";
        alert.replaceChildren(...(fault ? [h("div", { class: "note bad" }, h("strong", {}, fault), h("p", {}, job.error.detail))] : []));
      }
    },
  };
}

function tile(label) {
  const name = h("span", { class: "tile-label" }, label);
  const value = h("span", { class: "tile-value" }, "–");
  const under = h("span", { class: "tile-under" });
  return {
    node: h("div", { class: "tile" }, name, value, under),
    set(text, below = "", called = label) {
      setText(name, called);
      setText(value, text);
      setText(under, below);
    },
  };
}

/** While a worker has the job. */
const WORKED_ON = new Set(["running", "pausing", "cancelling"]);
const CHANGES = 200;

/** The milliseconds of training that a job's changes of status tell of. */
function spent(changes) {
  let sum = 0;
  let since = null;
  for (const { at, data } of changes) {
    if (WORKED_ON.has(data.status)) {
      since ??= Date.parse(at);
    } else if (since !== null) {
      sum += Date.parse(at) - since;
      since = null;
    }
  }
  return since === null ? sum : sum + Date.now() - since;
}

/** A score, and what belongs to it: its error there, too, which a narrow tile would cut beside the score. */
function scoreWords(evaluation) {
  if (!Number.isFinite(evaluation?.log_likelihood)) return ["–", "nats"];
  const [value, error] = scoreParts(evaluation);
  return [value, `± ${error} nats, σ ${fixed(evaluation.bandwidth, 3)}, step ${count(evaluation.step)}`];
}

function tiles({ id }) {
  // Null until they are known, and of a job that has more of them than are asked for.
  let changes = null;
  let last = null;
  const refresh = throttled(async () => {
    const { items } = await get(`/jobs/${id}/events${query({ format: "json", tail: CHANGES, kind: "status" })}`);
    changes = items.length < CHANGES ? items : null;
    if (last) update(last);
  }, 1000, () => {});
  const bar = progressBar("Progress");
  const all = { step: tile("Step"), speed: tile("Speed"), eta: tile("Time left"), value: tile("V(G, D)"), parzen: tile("Parzen log-likelihood") };
  function update(job) {
    last = job;
    bar.update(job);
    const { step, steps, steps_per_second: perSecond } = job.progress;
    all.step.set(count(step), `of ${count(steps)}`);
    const seconds = job.started_at && changes ? spent(changes) / 1000 : null;
    if (job.finished_at && job.started_at) {
      // A fork counts its own steps, from 0.
      all.speed.set(speed(seconds > 0 ? step / seconds : null), "steps per second, with all else");
      all.eta.set(duration(seconds), "of training, without pauses", "Time taken");
    } else if (job.finished_at) {
      all.speed.set("–", "steps per second");
      all.eta.set("–", "it never started", "Time taken");
    } else {
      all.speed.set(ACTIVE.has(job.status) ? speed(perSecond) : "–", "steps per second");
      all.eta.set(remaining(job), seconds === null ? "" : `${duration(seconds)} of training so far`);
    }
    const value = job.latest?.value;
    all.value.set(fixed(value, 3), Number.isFinite(value) ? `nats, one minibatch of step ${count(job.latest.step)}` : "");
    all.parzen.set(...scoreWords(job.parzen));
  }
  return {
    node: h("section", { class: "card tiles-card", "aria-label": "Now" }, bar.node, h("div", { class: "tiles" }, Object.values(all).map((entry) => entry.node))),
    refresh,
    update,
    close: () => refresh.stop(),
  };
}
