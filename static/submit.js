// The form that submits a job. The draft is one JSON document; the fields and the editor are two views of it.

import { LATE, Problem, get, onConnection, post } from "./api.js";
import { h, setAttribute, setText } from "./dom.js";
import { shape, shortId, title } from "./format.js";
import { at, lineOf, merge, pretty, put } from "./pointer.js";
import { datasets, problemNote, recipes } from "./widgets.js";

/** What of a spec a recipe has a say in. */
const SETTINGS = ["model", "training", "checkpoint", "evaluation"];

export function newJobPage(root, _parameters, search) {
  document.title = "New job · gand";
  let draft = { dataset: search.get("dataset") ?? "digits" };
  if (search.get("latent")) put(draft, "/model/latent/dim", Number(search.get("latent")));
  let key = null;
  // While the editor holds no JSON: what is typed elsewhere waits until it does.
  let broken = false;
  const waiting = new Set();
  const heading = h("p", { class: "muted" }, "Only the dataset is required; the recipe fills in the rest.");

  const dataset = h("select", { id: "f-dataset" });
  const recipe = h("select", { id: "f-recipe" }, h("option", { value: "" }, "The dataset's own"));
  const about = h("p", { class: "hint" }, "\u00a0");
  const spell = h("button", { type: "button", class: "button", onclick: () => spellOut(true) }, "Spell the recipe out");
  let known = [];
  const name = h("input", { id: "f-name", type: "text", maxlength: 200, autocomplete: "off", placeholder: "optional" });
  const tags = h("input", { id: "f-tags", type: "text", autocomplete: "off", placeholder: "comma, separated" });
  const steps = h("input", { id: "f-steps", type: "number", min: 1, step: 1, inputmode: "numeric", placeholder: "the recipe's" });
  const seed = h("input", { id: "f-seed", type: "number", min: 0, step: 1, inputmode: "numeric", placeholder: "the recipe's" });
  const editor = h("textarea", { id: "f-settings", spellcheck: "false", rows: 16, autocomplete: "off", class: "code" });

  const text = (input) => input.value.trim() || undefined;
  const whole = (input) => (input.value.trim() === "" ? undefined : Number(input.value));
  const FIELDS = [
    { pointer: "/dataset", input: dataset, label: "Dataset", read: () => dataset.value || undefined },
    { pointer: "/recipe", input: recipe, label: "Recipe", below: about, read: () => recipe.value || undefined },
    { pointer: "/name", input: name, label: "Name", read: () => text(name) },
    { pointer: "/tags", input: tags, label: "Tags", read: () => tagList(tags.value), show: (value) => (value ?? []).join(", ") },
    { pointer: "/training/steps", input: steps, label: "Steps", read: () => whole(steps) },
    { pointer: "/seed", input: seed, label: "Seed", read: () => whole(seed) },
    { pointer: "", input: editor, label: "All settings, as JSON", hint: "Whatever stands here overrides the recipe, say \"training\": {\"batch_size\": 64}. The fields and this text are one.", beside: spell },
  ];
  for (const field of FIELDS) {
    field.error = h("p", { class: "field-error", id: `${field.input.id}-error` });
    field.node = h("div", { class: `field ${field.input.id}` }, h("div", { class: "label-line" }, h("label", { for: field.input.id }, field.label), field.beside), field.input, field.below, field.hint && h("p", { class: "hint" }, field.hint), field.error);
    if (field.read) field.input.addEventListener("input", () => changed(field));
  }
  const editorField = FIELDS[FIELDS.length - 1];
  editor.addEventListener("input", () => {
    key = null;
    const document = parseEditor();
    if (document) {
      draft = document;
      for (const { pointer, read } of waiting) put(draft, pointer, read());
      waiting.clear();
      showFields();
    }
  });
  editor.addEventListener("blur", () => parseEditor() && showEditor());

  const summary = h("div", { class: "errors", "aria-live": "assertive" });
  const submit = h("button", { type: "submit", class: "button primary large" }, "Start training");
  const form = h("form", { class: "submit", novalidate: true, onsubmit: send },
    h("div", { class: "card fields" }, FIELDS.slice(0, -1).map((field) => field.node)),
    h("div", { class: "card editor" }, editorField.node),
    h("div", { class: "submit-end" }, summary, submit));
  root.append(h("div", { class: "page-head" }, h("div", {}, h("a", { class: "crumb", href: "#/jobs" }, "Jobs"), h("h1", {}, "New job"), heading)), form);

  function tagList(value) {
    const list = value.split(",").map((tag) => tag.trim()).filter(Boolean);
    return list.length ? list : undefined;
  }

  function changed(field) {
    key = null;
    clearError(field);
    if (broken) {
      waiting.add(field);
      parseEditor();
      return;
    }
    put(draft, field.pointer, field.read());
    setText(about, chosen()?.title ?? "\u00a0");
    spell.disabled = !chosen();
    if (field.input === recipe && "model" in draft) spellOut(false);
    showEditor();
  }

  /** The recipe that the draft starts from. */
  function chosen() {
    return known.find(({ name }) => name === draft.recipe) ?? known.find(({ datasets }) => datasets.includes(draft.dataset));
  }

  /** Writes the recipe's settings into the draft; what was written over them stays, or goes with the old recipe. */
  function spellOut(keep) {
    const settings = chosen()?.settings;
    if (!settings) return;
    if (broken) return editor.focus();
    const own = keep ? draft : Object.fromEntries(Object.entries(draft).filter(([name]) => !SETTINGS.includes(name)));
    draft = merge(settings, own);
    draft = { dataset: draft.dataset, recipe: chosen().name, ...draft };
    showFields();
    showEditor();
  }

  function showFields() {
    setText(about, chosen()?.title ?? "\u00a0");
    spell.disabled = !chosen();
    for (const { pointer, input, show } of FIELDS.slice(0, -1)) {
      if (input === document.activeElement) continue;
      const value = at(draft, pointer);
      if (input.tagName === "SELECT" && value !== undefined && ![...input.options].some((option) => option.value === value)) {
        input.append(h("option", { value }, String(value)));
      }
      input.value = show ? show(value) : value ?? "";
    }
  }

  function showEditor() {
    // Somebody is still at it.
    if (broken) return;
    editor.value = pretty(draft);
    clearError(editorField);
  }

  function parseEditor() {
    try {
      const document = JSON.parse(editor.value);
      if (typeof document !== "object" || document === null || Array.isArray(document)) throw new SyntaxError("The settings are one JSON object.");
      broken = false;
      clearError(editorField);
      return document;
    } catch (error) {
      broken = true;
      clearError(editorField);
      showError(editorField, `${error.message.replace(/\.$/, "")}.`);
      if (waiting.size) showError(editorField, "What you enter in the fields is put in once this is right.");
      return null;
    }
  }

  function clearError(field) {
    setText(field.error, "");
    setAttribute(field.input, "aria-invalid", null);
    setAttribute(field.input, "aria-describedby", null);
  }

  function showError(field, detail) {
    setText(field.error, field.error.textContent ? `${field.error.textContent} ${detail}` : detail);
    setAttribute(field.input, "aria-invalid", "true");
    setAttribute(field.input, "aria-describedby", field.error.id);
  }

  /** Each fault at its own field; those of settings without a field in a list that leads to their lines. */
  function showProblem(problem) {
    const others = [];
    for (const { pointer, detail } of problem.errors) {
      const field = FIELDS.find((field) => field.pointer && (pointer === field.pointer || pointer.startsWith(`${field.pointer}/`)));
      if (field) showError(field, detail);
      else others.push({ pointer, detail });
    }
    if (others.length) {
      setAttribute(editor, "aria-invalid", "true");
      summary.append(h("ul", { class: "note bad" }, others.map(({ pointer, detail }) => h("li", {},
        h("button", { type: "button", class: "link", onclick: () => goTo(pointer) }, h("code", {}, pointer || "/")), " ", detail))));
    }
    if (!problem.errors.length) summary.append(problemNote(problem));
    (form.querySelector("[aria-invalid]") ?? submit).focus();
  }

  function goTo(pointer) {
    if (broken) return editor.focus();
    showEditor();
    const line = lineOf(draft, pointer);
    const lines = editor.value.split("\n");
    const start = lines.slice(0, line).reduce((sum, text) => sum + text.length + 1, 0);
    editor.focus();
    editor.setSelectionRange(start, start + lines[line].length);
    editor.scrollTop = (line - 4) * (editor.scrollHeight / lines.length);
  }

  async function send(event) {
    event.preventDefault();
    for (const field of FIELDS) clearError(field);
    summary.replaceChildren();
    const document = parseEditor();
    if (!document) return editor.focus();
    draft = document;
    // The same key for the same draft: a repeated press, or one after a lost answer, makes no second job.
    key ??= [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    submit.disabled = true;
    try {
      const job = await post("/jobs", draft, { "Idempotency-Key": key });
      location.hash = `#/jobs/${job.id}`;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status && problem.status !== LATE) key = null;
      submit.disabled = false;
      showProblem(problem);
    }
  }

  let started = false;
  async function start() {
    if (started) return;
    started = true;
    try {
      await load();
      summary.replaceChildren();
    } catch (problem) {
      started = false;
      summary.replaceChildren(problemNote(problem));
    }
  }

  async function load() {
    const source = search.get("clone") ?? search.get("from");
    if (source) {
      const job = await get(`/jobs/${source}`);
      draft = { name: job.name ? `${job.name}, again` : undefined, tags: job.tags?.length ? job.tags : undefined, ...job.spec };
      if (search.get("from")) {
        draft.from = { job: job.id, step: Number(search.get("step")) };
        setText(heading, `Starts from step ${search.get("step")} of ${title(job)} (${shortId(job.id)}).`);
      } else {
        setText(heading, `A copy of ${title(job)} (${shortId(job.id)}).`);
      }
      draft = JSON.parse(JSON.stringify(draft));
    }
    const [sets, list] = await Promise.all([datasets(), recipes()]);
    known = list;
    recipe.append(...known.map(({ name }) => h("option", { value: name }, name)));
    dataset.replaceChildren(...sets.map((set) => h("option", { value: set.name, disabled: !set.available }, set.available ? `${set.name}, ${shape(set.shape)}` : `${set.name}, not here`)));
    showFields();
    showEditor();
  }

  showFields();
  showEditor();
  start();
  return { close: onConnection((online) => online && start()) };
}
