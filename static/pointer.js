// JSON pointers (RFC 6901) into a draft: read, write, and the line on which a value stands.

export function parts(pointer) {
  return pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

export function at(document, pointer) {
  return parts(pointer).reduce((value, part) => value?.[part], document);
}

/** Sets a value, making objects on the way; `undefined` takes it away, with objects that are empty then. */
export function put(document, pointer, value) {
  const path = parts(pointer);
  const last = path.pop();
  const holders = [document];
  for (const part of path) {
    const holder = holders[holders.length - 1];
    if (typeof holder[part] !== "object" || holder[part] === null) {
      if (value === undefined) return;
      holder[part] = {};
    }
    holders.push(holder[part]);
  }
  const holder = holders.pop();
  if (value !== undefined) {
    holder[last] = value;
    return;
  }
  delete holder[last];
  if (path.length && Object.keys(holder).length === 0) put(document, `/${path.join("/")}`, undefined);
}

/** `under` with `over` laid upon it, object by object; lists and values are taken whole. */
export function merge(under, over) {
  if (!isObject(under) || !isObject(over)) return over;
  const merged = { ...under };
  for (const [name, value] of Object.entries(over)) merged[name] = name in under ? merge(under[name], value) : value;
  return merged;
}

/** The pointers at which `document` has another value than `settings`, of those that `settings` has. */
export function differences(document, settings, pointer = "") {
  if (isObject(settings) && isObject(document)) {
    return Object.entries(settings).flatMap(([name, value]) => differences(document[name], value, `${pointer}/${name}`));
  }
  if (Array.isArray(settings) && Array.isArray(document) && settings.length === document.length) {
    return settings.flatMap((value, i) => differences(document[i], value, `${pointer}/${i}`));
  }
  return same(document, settings) ? [] : [{ pointer, was: settings, is: document }];
}

/** Every value that is no object, as JSON, by its pointer. */
export function leaves(document, pointer = "", found = new Map()) {
  const inner = Array.isArray(document) ? document.some((value) => typeof value === "object" && value !== null) : isObject(document);
  if (!inner) return found.set(pointer, JSON.stringify(document));
  for (const [name, value] of Object.entries(document)) leaves(value, `${pointer}/${name}`, found);
  return found;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Numbers pass through single precision on the server. */
function same(a, b) {
  if (typeof a === "number" && typeof b === "number") return Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));
  return JSON.stringify(a) === JSON.stringify(b);
}

export function pretty(document) {
  return JSON.stringify(document, null, 2);
}

/** The line, from 0, of a value in `pretty(document)`; of what holds it, where it is missing. */
export function lineOf(document, pointer) {
  const path = parts(pointer);
  for (; path.length; path.pop()) {
    const copy = structuredClone(document);
    const last = path[path.length - 1];
    const holder = path.slice(0, -1).reduce((value, part) => value?.[part], copy);
    if (holder === null || typeof holder !== "object" || !(last in holder)) continue;
    const mark = "\u0000here";
    holder[last] = mark;
    const written = JSON.stringify(mark);
    return pretty(copy).split("\n").findIndex((line) => line.includes(written));
  }
  return 0;
}
