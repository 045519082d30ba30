// The API's reader: the server's own OpenAPI document as a page. Nothing here comes from anywhere else.

import { h } from "./dom.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const main = document.getElementById("main");

/** Follows a reference; `name` is what the schema is called. */
function resolve(document, schema) {
  const name = schema?.$ref?.split("/").pop();
  return { schema: name ? document.components.schemas[name] : (schema ?? {}), name };
}

function typeOf(document, given) {
  const { schema, name } = resolve(document, given);
  if (name) return name;
  const one = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (one) return one.map((part) => typeOf(document, part)).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const types = [schema.type ?? "any"].flat();
  return types.map((type) => (type === "array" ? `${typeOf(document, schema.items)}[]` : type)).join(" | ");
}

function bounds(schema) {
  const words = [];
  if (schema.minimum !== undefined) words.push(`≥ ${schema.minimum}`);
  if (schema.exclusiveMinimum !== undefined) words.push(`> ${schema.exclusiveMinimum}`);
  if (schema.maximum !== undefined) words.push(`≤ ${schema.maximum}`);
  if (schema.exclusiveMaximum !== undefined) words.push(`< ${schema.exclusiveMaximum}`);
  if (schema.maxLength !== undefined) words.push(`at most ${schema.maxLength} characters`);
  if (schema.maxItems !== undefined) words.push(`at most ${schema.maxItems}`);
  if (schema.default !== undefined) words.push(`default ${JSON.stringify(schema.default)}`);
  return words.join(", ");
}

/** Text with what stands between backticks as code. */
function prose(text = "") {
  return text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

/** The schemas within a schema that have fields of their own. */
function parts(document, given) {
  const { schema } = resolve(document, given);
  if (schema.properties) return [given];
  const within = [...(schema.oneOf ?? schema.anyOf ?? schema.allOf ?? []), ...(schema.items ? [schema.items] : [])];
  return within.flatMap((part) => parts(document, part));
}

/** The fields of a schema. Those that have fields themselves open one by one, so that no circle is endless. */
function fields(document, given) {
  return parts(document, given).map((part) => {
    const { schema } = resolve(document, part);
    const required = new Set(schema.required ?? []);
    return h("dl", {}, Object.entries(schema.properties).map(([name, property]) => {
      const own = resolve(document, property).schema;
      const inner = parts(document, property).length > 0 ? nested(document, property) : null;
      return [
        h("dt", {}, name, required.has(name) ? " *" : ""),
        h("dd", {}, prose(property.description ?? own.description), " ",
          h("span", { class: "type" }, [typeOf(document, property), bounds(property)].filter(Boolean).join(", ")), inner),
      ];
    }));
  });
}

function nested(document, schema) {
  const box = h("details", { class: "nested" }, h("summary", {}, typeOf(document, schema)));
  box.addEventListener("toggle", () => box.append(...fields(document, schema)), { once: true });
  return box;
}

function example(document, given) {
  const { schema } = resolve(document, given);
  const shown = given?.example ?? schema.example ?? schema.examples?.[0];
  return shown === undefined ? null : h("pre", {}, JSON.stringify(shown, null, 2));
}

function contents(document, content) {
  return Object.entries(content ?? {}).map(([media, { schema, example: shown }]) => [
    h("p", { class: "type" }, media, schema ? `: ${typeOf(document, schema)}` : ""),
    shown === undefined ? example(document, schema) : h("pre", {}, JSON.stringify(shown, null, 2)),
    schema && parts(document, schema).length > 0 ? nested(document, schema) : null,
  ]);
}

function inside(document, operation) {
  const { description, parameters = [], requestBody, responses = {} } = operation;
  return h("div", { class: "inside" },
    description ? h("p", {}, prose(description)) : null,
    parameters.length > 0 ? [h("h3", {}, "Parameters"), h("dl", {}, parameters.map((parameter) => [
      h("dt", {}, parameter.name, parameter.required ? " *" : ""),
      h("dd", {}, prose(parameter.description), " ", h("span", { class: "type" },
        [`in ${parameter.in}`, typeOf(document, parameter.schema), bounds(parameter.schema ?? {})].filter(Boolean).join(", "))),
    ]))] : null,
    requestBody ? [h("h3", {}, "Body"), contents(document, requestBody.content)] : null,
    h("h3", {}, "Answers"),
    h("dl", {}, Object.entries(responses).map(([status, response]) => [
      h("dt", {}, status),
      h("dd", {}, prose(response.description), contents(document, response.content)),
    ])),
  );
}

function entry(document, method, path, operation) {
  const box = h("details", { class: "operation", id: operation.operationId },
    h("summary", {}, h("span", { class: "method" }, method.toUpperCase()), h("span", { class: "path" }, path),
      h("span", { class: "summary" }, prose(operation.summary))));
  box.addEventListener("toggle", () => box.append(inside(document, operation)), { once: true });
  return { box, words: `${method} ${path} ${operation.summary} ${operation.description ?? ""}`.toLowerCase() };
}

function draw(document) {
  const entries = [];
  const search = h("input", { type: "search", placeholder: "Find a route", "aria-label": "Find a route" });
  const sections = document.tags.map((tag) => {
    const own = Object.entries(document.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method]?.tags?.includes(tag.name)).map((method) => entry(document, method, path, item[method])));
    entries.push(...own);
    return h("section", {}, h("h2", {}, tag.name), h("p", { class: "lead" }, prose(tag.description)), own.map(({ box }) => box));
  });
  const none = h("p", { class: "empty" }, "No route matches.");
  none.hidden = true;
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    for (const { box, words } of entries) box.hidden = !words.includes(wanted);
    for (const section of sections) section.hidden = !section.querySelector(".operation:not([hidden])");
    none.hidden = sections.some((section) => !section.hidden);
  });
  main.replaceChildren(h("h1", {}, `${document.info.title} ${document.info.version}`),
    h("p", { class: "lead" }, prose(document.info.description)), search, h("div", { role: "status" }, none), ...sections);
  const linked = window.document.getElementById(location.hash.slice(1));
  if (linked) {
    linked.open = true;
    linked.scrollIntoView();
  }
}

try {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  draw(await answer.json());
} catch (error) {
  main.replaceChildren(h("p", { class: "note" }, `The document could not be read: ${error.message}`));
}
