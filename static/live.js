// A job's events as they happen: by EventSource, and by asking every two seconds where that is missing or broken.

import { report } from "./api.js";

const KINDS = ["status", "metrics", "snapshot", "checkpoint", "evaluation", "health"];
const POLL = 2000;
const QUIET = 20_000;

/**
 * Calls `onEvent(kind, event)` for every event of the job, from the newest on, and `onTick()` whenever the page should
 * look for itself: after a reconnection, and at every poll while there is no stream.
 */
export function watch(id, { onEvent, onTick }) {
  let source = null;
  let poll = null;
  let retry = null;
  let lastId = 0;
  let lastNews = Date.now();
  let closed = false;
  let failures = 0;

  function startPolling() {
    poll ??= setInterval(onTick, POLL);
  }

  function stopPolling() {
    clearInterval(poll);
    poll = null;
  }

  function open() {
    if (closed || source || document.hidden) return;
    if (typeof EventSource === "undefined") return startPolling();
    const resumed = failures > 0;
    // From now on: what was missed meanwhile the page looks up by itself, for it may be hours of events.
    source = new EventSource(`/jobs/${id}/events?tail=1`);
    source.onopen = () => {
      report(true);
      failures = 0;
      lastNews = Date.now();
      stopPolling();
      if (resumed) onTick();
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, (message) => {
        lastNews = Date.now();
        const event = JSON.parse(message.data);
        const number = Number(message.lastEventId || event.id);
        if (number && number <= lastId) return;
        if (number) lastId = number;
        onEvent(kind, event);
      });
    }
    source.onerror = () => {
      // The browser's own retry would wait, and ends for good on some errors; ours goes on.
      shut();
      failures += 1;
      startPolling();
      retry = setTimeout(open, Math.min(15_000, 500 * 2 ** Math.min(failures, 5)));
    };
  }

  function shut() {
    source?.close();
    source = null;
    clearTimeout(retry);
  }

  // A stream that is silent may be dead without the browser's knowing: look, and open a new one.
  const watchdog = setInterval(() => {
    if (document.hidden || Date.now() - lastNews < QUIET) return;
    lastNews = Date.now();
    shut();
    open();
    onTick();
  }, 5000);

  // A page that nobody sees costs the server nothing, and takes none of the few connections that a browser has for all
  // its pages of one server.
  const seen = () => {
    if (document.hidden) {
      shut();
      stopPolling();
    } else {
      open();
      onTick();
    }
  };
  document.addEventListener("visibilitychange", seen);

  open();
  return () => {
    closed = true;
    document.removeEventListener("visibilitychange", seen);
    shut();
    stopPolling();
    clearInterval(watchdog);
  };
}
