// Numbers and times as people read them. Every function takes null for "not known yet" and gives a dash.

const DASH = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(value) {
  return value === null || value === undefined ? DASH : whole.format(value);
}

export function fixed(value, digits = 3) {
  if (value === null || value === undefined) return DASH;
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 1e5) return exponential(value, 2);
  const text = value.toFixed(digits);
  // What is rounded to nothing has no sign.
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/** As 1.29e27. */
function exponential(value, digits) {
  return value.toExponential(digits).replace("e+", "e").replaceAll("-", "−");
}

const UNITS = [[1e6, "M"], [1e3, "k"], [1, ""]];

/** As on an axis; `step`, the way to the next tick, tells how many digits it takes to tell them apart. */
export function compact(value, step) {
  const size = Math.abs(step ? value : Number(value.toPrecision(4)));
  if (size >= 1e9) return exponential(value, step ? Math.max(0, power(size) - power(step)) : 1).replace(/\.?0+e/, "e");
  const [unit, sign] = UNITS.find(([unit]) => size >= unit) ?? [1, ""];
  const text = step ? (value / unit).toFixed(Math.min(20, Math.max(0, -power(step / unit)))) : (value / unit).toPrecision(4);
  return `${Number(text)}${sign}`.replaceAll("-", "−");
}

/** The power of ten in a number, whatever little its last bits lack. */
function power(value) {
  return Math.floor(Math.log10(value) + 1e-9);
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

const TIMES = [[86_400, "d"], [3600, "h"], [60, "min"]];

/** As on an axis: 40 s, 5 min, 2 h, 1.5 h; in a unit that tells ticks apart that lie `step` from one another. */
export function shortDuration(seconds, step = 0) {
  const [unit, sign] = TIMES.find(([unit]) => seconds >= 2 * unit && Number.isInteger((100 * step) / unit)) ?? [1, "s"];
  return `${Number((seconds / unit).toFixed(2))} ${sign}`;
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

/** The time of the day, and the day unless it is today. */
export function clock(time) {
  if (!time) return DASH;
  const date = new Date(time);
  const day = date.toDateString() === new Date().toDateString() ? "" : `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, `;
  return day + date.toLocaleTimeString("en-GB");
}

export function bytes(value) {
  if (value === null || value === undefined) return DASH;
  if (value < 1024) return `${value} B`;
  if (value < 1024 ** 2) return `${(value / 1024).toFixed(1)} KiB`;
  if (value < 1024 ** 3) return `${(value / 1024 ** 2).toFixed(1)} MiB`;
  return `${(value / 1024 ** 3).toFixed(1)} GiB`;
}

export function score(evaluation) {
  const value = evaluation?.log_likelihood;
  if (value === null || value === undefined) return DASH;
  return withError(value, evaluation.standard_error);
}

/** What an evaluation says of the data that samples reach; nothing where it was not measured. */
export function coverageWords(evaluation) {
  const measured = evaluation?.quality?.coverage;
  return measured ? `coverage ${fixed(measured.coverage, 2)}` : "";
}

/** A share, as a percentage. */
export function percent(share) {
  return `${fixed(100 * share, 1)} %`;
}

/** As many digits as its size deserves. */
export function nats(value) {
  return fixed(value, digits(value));
}

/** A value and its error, which has as many digits. */
export function withError(value, error) {
  return scoreParts({ log_likelihood: value, standard_error: error }).join(" ± ");
}

/** The score of an evaluation and its error, with as many digits each. */
export function scoreParts({ log_likelihood: value, standard_error: error }) {
  const many = digits(value, error);
  return [fixed(value, many), fixed(error, many)];
}

/** The digits of a value in nats: more where its error would be nothing in them. */
export function digits(value, error = 0) {
  const own = Math.abs(value ?? 0) < 10 ? 2 : 1;
  return error > 0 && Number(error.toFixed(own)) === 0 ? Math.min(8, -power(error)) : own;
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
