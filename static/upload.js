// A dataset of one's own: a file dropped or chosen, sent with its progress shown, checked by the server, then looked at.

import { Problem, get, query, upload } from "./api.js";
import { ask, h, setAttribute, setText } from "./dom.js";
import { facts, picture } from "./datasets.js";
import { bytes } from "./format.js";
import { forgetDatasets, problemNote } from "./widgets.js";

const KINDS = ".zip,.npy,.npz,.gz,.idx,.mat,application/zip";

export function uploadPage(root) {
  document.title = "Upload a dataset · gand";
  let file = null;
  let sending = null;
  let closed = false;

  const chooser = h("input", { id: "u-file", type: "file", class: "visually-hidden", accept: KINDS, onchange: () => chooser.files[0] && take(chooser.files[0]) });
  const chosen = h("p", { class: "drop-name" }, "Drop a file here, or choose one");
  const about = h("p", { class: "hint" }, "A zip of PNG, JPEG or PGM images, whose folders give labels and splits; NumPy's .npy or .npz; an IDX file, plain or gzip; a zip of MNIST's four files.");
  const drop = h("div", { class: "drop" },
    chosen, h("label", { class: "button", for: "u-file" }, "Choose a file"), chooser, about);
  const name = h("input", { id: "u-name", type: "text", autocomplete: "off", spellcheck: "false", maxlength: 64, placeholder: "my-faces", required: true });
  const size = h("input", { id: "u-size", type: "text", autocomplete: "off", inputmode: "text", placeholder: "as they are, or 28x28" });
  const channels = h("select", { id: "u-channels" }, h("option", { value: "" }, "As the first image"), h("option", { value: 1 }, "Grey"), h("option", { value: 3 }, "RGB"));
  const licence = h("input", { id: "u-licence", type: "text", autocomplete: "off", maxlength: 500, placeholder: "optional" });
  const origin = h("input", { id: "u-origin", type: "text", autocomplete: "off", maxlength: 500, placeholder: "optional" });
  const FIELDS = [
    { pointer: "", input: chooser, node: drop },
    { pointer: "/name", input: name, label: "Name", hint: "Lower-case letters, digits, “.”, “_” and “-”." },
    { pointer: "/size", input: size, label: "Size of the images", hint: "Height and width in pixels; for a zip of images." },
    { pointer: "/channels", input: channels, label: "Channels" },
    { pointer: "/licence", input: licence, label: "Licence" },
    { pointer: "/origin", input: origin, label: "Origin" },
  ];
  for (const field of FIELDS) {
    field.error = h("p", { class: "field-error", id: `${field.input.id}-error` });
    if (field.node) field.node.append(field.error);
    else field.node = h("div", { class: `field ${field.input.id}` }, h("label", { for: field.input.id }, field.label), field.input, field.hint && h("p", { class: "hint" }, field.hint), field.error);
    field.input.addEventListener("input", () => clearError(field));
  }

  const send = h("button", { type: "submit", class: "button primary large" }, "Upload");
  const stop = h("button", { type: "button", class: "button large", onclick: () => sending?.abort() }, "Stop");
  stop.hidden = true;
  const bar = h("progress", { class: "running", max: 1, value: 0, "aria-label": "Upload" });
  const progress = h("p", { class: "hint" }, "\u00a0");
  const under = h("div", { class: "upload-progress" }, bar, progress);
  bar.hidden = true;
  const spoken = h("p", { class: "visually-hidden", role: "status" });
  const summary = h("div", { class: "errors", "aria-live": "assertive" });
  const outcome = h("h2", { tabindex: -1 }, "Preview");
  const train = h("a", { class: "button primary" }, "Train on it");
  const result = h("div", {}, nothingYet());
  train.hidden = true;
  const form = h("form", { class: "card upload", novalidate: true, onsubmit: submit },
    drop, h("div", { class: "fields" }, FIELDS.slice(1).map((field) => field.node)),
    summary, h("div", { class: "upload-end" }, under, stop, send), spoken);
  root.append(h("div", { class: "page-head" }, h("div", {}, h("a", { class: "crumb", href: "#/datasets" }, "Datasets"), h("h1", {}, "Upload a dataset"))), h("div", { class: "upload-page" }, form,
    h("section", { class: "card upload-result", "aria-label": "Preview" }, h("div", { class: "card-head" }, outcome, train), result)));

  function nothingYet() {
    return h("div", { class: "picture" }, h("p", { class: "muted" }, "Its first examples and its counts come here."));
  }

  // Anywhere on the page will do; a file that misses the frame would otherwise take the browser to itself.
  const over = (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    drop.classList.toggle("is-over", event.type === "dragover");
    if (event.type !== "drop" || sending) return;
    const { files } = event.dataTransfer;
    if (files.length === 1) take(files[0]);
    else showError(FIELDS[0], "One file at a time: put images into a zip.");
  };
  for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, over);

  function take(taken) {
    file = taken;
    clearError(FIELDS[0]);
    setText(chosen, `${file.name}, ${bytes(file.size)}`);
    drop.classList.add("has-file");
    if (!name.value) {
      name.value = nameOf(file.name);
      clearError(FIELDS[1]);
    }
    setText(outcome, "Preview");
    train.hidden = true;
    result.replaceChildren(nothingYet());
  }

  function clearError(field) {
    setText(field.error, "");
    setAttribute(field.input, "aria-invalid", null);
    setAttribute(field.input, "aria-describedby", null);
    if (field.pointer === "") drop.classList.remove("is-bad");
  }

  function showError(field, detail) {
    setText(field.error, field.error.textContent ? `${field.error.textContent} ${detail}` : detail);
    setAttribute(field.input, "aria-invalid", "true");
    setAttribute(field.input, "aria-describedby", field.error.id);
    if (field.pointer === "") drop.classList.add("is-bad");
  }

  /** What is wrong with a field stands there; what is wrong with the file, at the file; the rest below. */
  function showProblem(problem) {
    for (const { pointer, detail } of problem.errors) {
      showError(FIELDS.find((field) => field.pointer === pointer) ?? FIELDS[0], detail);
    }
    if (!problem.errors.length) {
      if (problem.status === 409) showError(FIELDS[1], problem.message);
      else if (problem.status === 413 || problem.status === 415) showError(FIELDS[0], problem.message);
      else summary.append(problemNote(problem));
    }
    form.querySelector("[aria-invalid]")?.focus();
  }

  function show(share, sent) {
    bar.hidden = false;
    if (share === null) bar.removeAttribute("value");
    else bar.value = share;
    setText(progress, share === null ? "All sent; the server reads it whole before it is there…" : `${bytes(sent)} of ${bytes(file.size)}, ${Math.floor(100 * share)} %`);
  }

  function busy(on) {
    send.disabled = on;
    stop.hidden = !on;
    for (const { input } of FIELDS) input.disabled = on;
    if (!on) {
      bar.hidden = true;
      setText(progress, "\u00a0");
    }
  }

  /** Whether the name is free, or the user would have what it names replaced. */
  async function mayReplace() {
    const known = await get(`/datasets/${encodeURIComponent(name.value)}`).catch((problem) => {
      if (problem.status && problem.status < 500) return null;
      throw problem;
    });
    if (!known?.uploaded) return true;
    return Boolean(await ask({ title: `Replace ${known.name}?`, body: "A dataset of that name was uploaded before. Jobs that trained on it can then not go on.", confirm: "Replace it", danger: true }));
  }

  async function submit(event) {
    event.preventDefault();
    if (sending) return;
    for (const field of FIELDS) clearError(field);
    summary.replaceChildren();
    if (!file) showError(FIELDS[0], "Choose a file first.");
    if (!name.value.trim()) showError(FIELDS[1], "Give it a name.");
    if (form.querySelector("[aria-invalid]")) return form.querySelector("[aria-invalid]").focus();
    name.value = name.value.trim();
    const path = `/datasets/${encodeURIComponent(name.value)}${query({ size: size.value.trim(), channels: channels.value, licence: licence.value.trim(), origin: origin.value.trim() })}`;
    sending = new AbortController();
    busy(true);
    try {
      if (!(await mayReplace()) || closed || sending.signal.aborted) return;
      setText(spoken, "Uploading");
      show(0, 0);
      const set = await upload(path, file, { onProgress: show, signal: sending.signal });
      if (closed) return;
      if (set) arrived(set);
      else setText(spoken, "Stopped");
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      busy(false);
      if (!closed) showProblem(problem);
    } finally {
      sending = null;
      busy(false);
    }
  }

  function arrived(set) {
    forgetDatasets();
    setText(spoken, `${set.name} is there.`);
    const address = `#/datasets/${encodeURIComponent(set.name)}`;
    outcome.replaceChildren(h("a", { href: address }, set.name), " is there");
    setAttribute(train, "href", `#/new?dataset=${encodeURIComponent(set.name)}`);
    train.hidden = false;
    result.replaceChildren(picture(set, 64), facts(set, true));
    outcome.focus({ preventScroll: true });
    result.parentNode.scrollIntoView({ block: "nearest" });
    file = null;
    chooser.value = "";
    name.value = "";
    setText(chosen, "Drop another file here, or choose one");
    drop.classList.remove("has-file");
  }

  return {
    close() {
      closed = true;
      for (const kind of ["dragover", "dragleave", "drop"]) document.removeEventListener(kind, over);
      sending?.abort();
    },
  };
}

/** A name for a dataset that a file's name suggests. */
function nameOf(fileName) {
  const stem = fileName.replace(/(\.(zip|npy|npz|gz|idx|mat))+$/i, "");
  return stem.toLowerCase().normalize("NFKD").replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "").slice(0, 64);
}
