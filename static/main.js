// The shell: which page is shown, the theme, and whether the server answers.

import { connection, onConnection } from "./api.js";
import { closeDialogs, h, setAttribute, setText } from "./dom.js";
import { duration } from "./format.js";
import { comparePage } from "./compare.js";
import { datasetPage, datasetsPage } from "./datasets.js";
import { jobPage } from "./job.js";
import { jobsPage } from "./jobs.js";
import { guard } from "./session.js";
import { newJobPage } from "./submit.js";
import { sweepPage } from "./sweep.js";
import { theoryPage } from "./theory.js";
import { uploadPage } from "./upload.js";
import { remember } from "./widgets.js";

const ROUTES = [
  [/^\/jobs$/, jobsPage],
  [/^\/jobs\/([^/]+)$/, jobPage],
  [/^\/new$/, newJobPage],
  [/^\/compare$/, comparePage],
  [/^\/theory$/, theoryPage],
  [/^\/sweeps\/([^/]+)$/, sweepPage],
  [/^\/datasets$/, datasetsPage],
  [/^\/datasets\/([^/]+)$/, datasetPage],
  [/^\/upload$/, uploadPage],
];

/** Pages that belong to another's name in the bar. */
const WITHIN = { "/upload": "/datasets", "/sweeps": "/compare" };

const main = document.getElementById("main");
let close = null;
let shown = null;

/** A page is `(root, parameters, query) => { title, close, update? }`; a change of the query alone goes to `update`. */
function route() {
  const [path, search = ""] = (location.hash.slice(1).replace(/^\/$/, "") || "/jobs").split("?");
  const query = new URLSearchParams(search);
  if (shown?.path === path && shown.page.update) {
    shown.page.update(query);
    return;
  }
  closeDialogs();
  close?.();
  const root = h("div", { class: "page" });
  const [page, parameters] = find(path);
  const opened = page(root, parameters, query);
  close = opened.close;
  const first = shown === null;
  shown = { path, page: opened };
  main.replaceChildren(root);
  const section = `/${path.split("/")[1]}`;
  for (const link of document.querySelectorAll(".nav a")) {
    setAttribute(link, "aria-current", (WITHIN[section] ?? section) === link.getAttribute("href").slice(1) ? "page" : null);
  }
  scrollTo(0, 0);
  // Whoever moves by keyboard or screen reader starts at the new page's heading.
  if (!first) main.focus({ preventScroll: true });
}

/** The page at a path, and what the path names. */
function find(path) {
  for (const [pattern, page] of ROUTES) {
    const match = path.match(pattern);
    if (!match) continue;
    try {
      return [page, match.slice(1).map(decodeURIComponent)];
    } catch {
      // A lone % names nothing.
    }
  }
  return [missingPage, []];
}

function missingPage(root) {
  document.title = "Not found · gand";
  root.append(h("div", { class: "empty" }, h("h1", {}, "There is no such page"), h("p", {}, h("a", { href: "#/jobs" }, "To the jobs"))));
  return {};
}

const THEMES = { auto: ["◐", "Theme: as the system"], light: ["☀", "Theme: light"], dark: ["☾", "Theme: dark"] };
const themeButton = document.getElementById("theme");

function theme() {
  return document.documentElement.dataset.theme ?? "auto";
}

function showTheme() {
  const [sign, words] = THEMES[theme()];
  setText(themeButton, sign);
  setAttribute(themeButton, "aria-label", words);
  setAttribute(themeButton, "title", words);
}

themeButton.addEventListener("click", () => {
  const names = Object.keys(THEMES);
  const next = names[(names.indexOf(theme()) + 1) % names.length];
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  remember("theme", next);
  showTheme();
});

const banner = document.getElementById("banner");
const status = document.getElementById("connection");

function showConnection() {
  const { online, since } = connection();
  banner.hidden = online;
  document.body.classList.toggle("offline", !online);
  setText(status, online ? "" : "offline");
  if (!online) setText(banner, `Disconnected from gand. What you see is ${duration((Date.now() - since) / 1000)} old; trying again every second.`);
}

onConnection(showConnection);
setInterval(() => connection().online || showConnection(), 5000);
let entered = false;
window.addEventListener("hashchange", () => entered && route());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
showTheme();
guard(main, () => {
  entered = true;
  shown = null;
  route();
});
