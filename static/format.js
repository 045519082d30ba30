// Numbers and times as people read them. Every function takes null for "not known yet" and gives a dash.

const DASH = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(value) {
  return value === null || value === undefined ? DASH : whole.format(value);
}

export function fixed(value, digits = 3) {
  if (value === null || value === undefined) return DASH;
  if (!Number.isFinite(value)) return String(value);
  return value.toFixed(digits).replace("-", "−");
}

export function compact(value) {
  const size = Math.abs(value);
  const text = size >= 1e6 ? `${trim(value / 1e6)}M` : size >= 1e3 ? `${trim(value / 1e3)}k` : trim(value);
  return text.replace("-", "−");
}

function trim(value) {
  return String(Number(value.toPrecision(4)));
}

export function speed(value) {
  if (value === null || value === undefined) return DASH;
  return value >= 100 ? whole.format(value) : value.toFixed(value >= 10 ? 1 : 2);
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH;
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${pad(s % 60)} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${pad(Math.floor((s % 3600) / 60))} min`;
  return `${Math.floor(s / 86_400)} d ${pad(Math.floor((s % 86_400) / 3600))} h`;
}

/** As on an axis: 40 s, 5 min, 2 h, 1.5 h. */
export function shortDuration(seconds) {
  if (seconds < 120) return `${trim(seconds)} s`;
  if (seconds < 7200) return `${trim(seconds / 60)} min`;
  return seconds < 172_800 ? `${trim(seconds / 3600)} h` : `${trim(seconds / 86_400)} d`;
}

function pad(value) {
  return String(value).padStart(2, "0");
}

export function ago(time) {
  if (!time) return DASH;
  const s = (Date.now() - Date.parse(time)) / 1000;
  if (s < 5) return "just now";
  if (s < 60) return `${Math.floor(s)} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`;
  return new Date(time).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

export function clock(time) {
  return time ? new Date(time).toLocaleTimeString("en", { hour12: false }) : DASH;
}

export function bytes(value) {
  if (value === null || value === undefined) return DASH;
  if (value < 1024) return `${value} B`;
  if (value < 1024 ** 2) return `${(value / 1024).toFixed(1)} KiB`;
  return `${(value / 1024 ** 2).toFixed(1)} MiB`;
}

export function score(evaluation) {
  const value = evaluation?.log_likelihood;
  if (value === null || value === undefined) return DASH;
  return `${nats(value)} ± ${nats(evaluation.standard_error, value)}`;
}

/** As many digits as its size deserves; an error as many as its value. */
export function nats(value, beside = value) {
  return fixed(value, Math.abs(beside ?? 0) < 10 ? 2 : 1);
}

export function shape(s) {
  if (!s) return DASH;
  const { height, width, channels } = s;
  if (height === 1 && channels === 1) return `${width}-dimensional`;
  return `${height} × ${width}${channels === 3 ? " RGB" : ""}`;
}

export function title(job) {
  return job.name || `${job.spec?.dataset ?? "job"}, ${job.spec?.recipe ?? ""}`.replace(/, $/, "");
}

/** A tag as it is shown: that of a sweep says no more than that, for its id tells nobody anything. */
export function tagWords(tag) {
  return tag.startsWith("sweep:") ? "sweep" : tag;
}

export function shortId(id) {
  return id.slice(-8);
}
