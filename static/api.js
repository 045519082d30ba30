// The HTTP API, and whether it answers. Every failure becomes a Problem (RFC 9457) that a page can show.

export class Problem extends Error {
  constructor(body) {
    super(body.detail || body.title || "The request failed.");
    this.status = body.status ?? 0;
    this.type = body.type;
    this.title = body.title;
    this.errors = body.errors ?? [];
    this.requestId = body.request_id;
  }
}

const TIMEOUT = 15_000;
/** The status of an answer that took too long; what was asked for may have been done. */
export const LATE = 504;
const listeners = new Set();
let online = true;
let since = Date.now();
let probe = null;

export function onConnection(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let unauthorized = () => {};

/** Called when the server wants a token that this client has not shown. */
export function onUnauthorized(listener) {
  unauthorized = listener;
}

export function connection() {
  return { online, since };
}

/** Called with what every request and stream finds; while the server is away, asks for it until it is back. */
export function report(reached) {
  if (reached) since = Date.now();
  if (reached === online) return;
  online = reached;
  clearInterval(probe);
  if (!online) probe = setInterval(ping, 1000);
  for (const listener of listeners) listener(online);
}

/** Whether gand answers, and not something in front of it: a proxy has answers of its own for a server that is gone. */
async function ping() {
  try {
    const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    const alive = answer.status === 200 && (await answer.json()).status === "ok";
    if (alive) report(true);
    return alive;
  } catch {
    // Still away; the next tick asks again.
    return false;
  }
}

/** Whether an answer is gand's own: every failure of its API is a problem of RFC 9457. */
function isOwn(status, type) {
  return status < 400 || (type ?? "").startsWith("application/problem+json");
}

async function request(method, path, options = {}) {
  try {
    return await answer(method, path, options);
  } catch (error) {
    if (error instanceof Problem) throw error;
    // One slow answer is no proof that the server is gone.
    if (error.name === "TimeoutError" && (await ping())) {
      throw new Problem({ title: "No answer yet", detail: "The answer took too long. gand is there, but busy.", status: LATE });
    }
    report(false);
    throw new Problem({ title: "No answer", detail: "gand does not answer. Is the server running?", status: 0 });
  }
}

async function answer(method, path, { body, headers, raw = false }) {
  const response = await fetch(path, {
    method,
    headers: { Accept: raw ? "*/*" : "application/json", ...(body !== undefined && { "Content-Type": "application/json" }), ...headers },
    body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT),
  });
  if (!isOwn(response.status, response.headers.get("content-type"))) throw new TypeError(`not gand's answer: ${response.status}`);
  // Read before it counts: a page of a proxy's is no JSON, whatever its status.
  const content = (raw && response.ok) || response.status === 204 ? null : await response.json();
  report(true);
  if (!response.ok) {
    if (response.status === 401 && path !== "/session") unauthorized();
    throw new Problem({ title: response.statusText, status: response.status, ...content });
  }
  return raw ? response : content;
}

/**
 * Sends a file. `onProgress(share, sent)` tells how much of it has arrived, and `null` once all has and the server reads
 * it; `signal` gives it up, and then the promise is of `null`.
 */
export function upload(path, file, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    // The one way in a browser to learn how far a body has come.
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    // What it is shows in its bytes; a browser knows little but endings of names.
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0, loaded));
    request.upload.addEventListener("load", () => onProgress(null, file.size));
    request.addEventListener("abort", () => resolve(null));
    request.addEventListener("error", () => {
      // A server that refuses may answer before all has come, and then hang up: that is no proof that it is gone.
      ping();
      reject(new Problem({ title: "The upload broke off", detail: "The connection broke before the server answered. Is the file larger than it takes?" }));
    });
    request.addEventListener("load", () => {
      const { status, statusText: title, response } = request;
      if (!isOwn(status, request.getResponseHeader("content-type"))) {
        ping();
        reject(new Problem({ title: "No answer", detail: `Something between this page and gand answered instead of it (${status}).` }));
        return;
      }
      report(true);
      if (status === 401) unauthorized();
      if (status < 300) resolve(response);
      else reject(new Problem({ title, status, ...response }));
    });
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

export const get = (path, options) => request("GET", path, options);
export const post = (path, body, headers) => request("POST", path, { body: body ?? {}, headers });
export const remove = (path) => request("DELETE", path);

export function query(parameters) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, value);
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

/** Runs `work` at most once in `gap` milliseconds, never twice at a time, and once more if asked meanwhile. */
export function throttled(work, gap, onProblem) {
  let last = 0;
  let timer = null;
  let busy = false;
  let again = false;
  const run = async () => {
    timer = null;
    busy = true;
    last = Date.now();
    try {
      await work();
    } catch (error) {
      onProblem(error);
    } finally {
      busy = false;
      if (again) {
        again = false;
        ask();
      }
    }
  };
  const ask = () => {
    if (busy) again = true;
    else timer ??= setTimeout(run, Math.max(0, last + gap - Date.now()));
  };
  ask.stop = () => {
    clearTimeout(timer);
    timer = -1;
  };
  return ask;
}
