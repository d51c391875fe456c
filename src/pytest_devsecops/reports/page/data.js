"use strict";
// The data of the page: rows that are unfolded into objects when they are needed.

const DATA = JSON.parse(document.getElementById("data").textContent);
const STATUSES = ["violated", "unverified", "waived", "met"];
const SEVERITIES = ["critical", "high", "medium", "low"];
const COLUMNS = {};
for (const [record, fields] of Object.entries(DATA.layout)) {
  COLUMNS[record] = Object.fromEntries(fields.map(([name], index) => [name, index]));
}

function decode(form, value) {
  if (value === null || form === "plain") return value;
  if (form === "text" || form === "object") return DATA.pool[value];
  if (form === "texts") return value.map((index) => DATA.pool[index]);
  if (form === "location") return unfold(form, value);
  return value.map((row) => unfold(form, row));
}

function unfold(record, row) {
  return Object.fromEntries(DATA.layout[record].map(([name, form], index) => [name, decode(form, row[index])]));
}

// One field of a requirement, without unfolding the rest of it.
function field(row, name) {
  const index = COLUMNS.requirement[name];
  return decode(DATA.layout.requirement[index][1], row[index]);
}

function testsOf(row) {
  return row[COLUMNS.requirement.tests];
}

function notPassed(row) {
  return testsOf(row).filter((test) => DATA.pool[test[COLUMNS.test.outcome]] !== "passed").length;
}

// Everything in a requirement that a reader may search for, in lower case; made once.
const HAYSTACKS = new Map();
function haystack(row) {
  if (!HAYSTACKS.has(row)) {
    const texts = [];
    collect(unfold("requirement", row), texts);
    HAYSTACKS.set(row, texts.join("\n").toLowerCase());
  }
  return HAYSTACKS.get(row);
}

function collect(value, texts) {
  if (typeof value === "string") texts.push(value);
  else if (Array.isArray(value)) for (const item of value) collect(item, texts);
  else if (value !== null && typeof value === "object") {
    for (const [name, item] of Object.entries(value)) {
      if (name !== "status" && name !== "raw_status") collect(item, texts);
    }
  }
}

// Elements. Text goes in as text only, never as markup.
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== ""));
  return element;
}

function icon(status) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `icon ${status}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${status}`);
  svg.append(use);
  return svg;
}

function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const parts = [];
  let rest = Math.round(seconds);
  for (const [unit, size] of units) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)} ${unit}`);
    rest %= size;
  }
  return parts.slice(0, 2).join(" ");
}

// A measurement or a limit, in the unit that it was written in: 30m, 25h, 0.4s; what is long and no whole number of
// one unit is rounded up to a second, so that it never looks like the limit that it exceeds: 1d 3m 7s.
function objective(seconds) {
  for (const [unit, size] of [["w", 604800], ["d", 86400], ["h", 3600], ["m", 60]]) {
    if (seconds >= size && seconds % size === 0) return `${seconds / size}${unit}`;
  }
  if (seconds < 120) return seconds < 1 ? `${seconds}s` : `${Number(seconds.toFixed(1))}s`;
  const parts = [];
  let rest = Math.ceil(seconds);
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)}${unit}`);
    rest %= size;
  }
  return parts.join(" ");
}
