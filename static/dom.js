// The few words that pages are written in. Text is always set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (isNothing(name, value)) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** What is false is not said, but for ARIA's states, where it is a word. */
function isNothing(name, value) {
  return value === undefined || value === null || (value === false && !name.startsWith("aria-"));
}

export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/** Sets text only where it differs: no repaint, no repeated announcement, no lost selection. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (isNothing(name, value)) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Brings a parent's children in line with `items`, keeping the nodes of those that stay. */
export function keyed(parent, items, key, create, update) {
  const known = parent.keyedNodes ?? (parent.keyedNodes = new Map());
  const seen = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    seen.add(name);
    let entry = known.get(name);
    if (!entry) {
      entry = create(item);
      known.set(name, entry);
    }
    update(entry, item);
    if (entry.node === place) place = place.nextElementSibling;
    else parent.insertBefore(entry.node, place);
  }
  for (const [name, entry] of known) {
    if (seen.has(name)) continue;
    entry.node.remove();
    known.delete(name);
  }
}

/** A promise of the user's answer: the dialog's form data, or null. */
export function ask({ title, body, fields = [], confirm, danger = false }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" },
      h("form", { method: "dialog" },
        h("h2", { id: "dialog-title" }, title),
        body && h("p", {}, body),
        fields,
        h("div", { class: "actions end" },
          // No submit button: the Enter key in a field means the first of those.
          h("button", { type: "button", class: "button", onclick: () => dialog.close("no") }, "Keep as it is"),
          h("button", { type: "submit", value: "yes", class: `button ${danger ? "danger" : "primary"}` }, confirm))));
    dialog.addEventListener("close", () => {
      const answer = dialog.returnValue === "yes" ? new FormData(dialog.querySelector("form")) : null;
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    // The safe answer has the focus, unless there is something to fill in.
    (dialog.querySelector("input") ?? dialog.querySelector("button")).focus();
  });
}

/** Answers every open question with no: the page that asked is gone. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close("no");
}

export function toast(text, kind = "bad") {
  const note = h("div", { class: `toast ${kind}` }, h("span", {}, text),
    h("button", { type: "button", class: "ghost", "aria-label": "Dismiss", onclick: () => note.remove() }, "×"));
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 10_000);
}
