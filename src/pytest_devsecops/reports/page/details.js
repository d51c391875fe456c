// What opens below a requirement: its tests, their verdicts, findings and evidence.

const BATCH = { tests: 100, findings: 50 };
const OUTCOME_ICONS = { passed: "met", failed: "violated" };

// A details element whose inside is made when it is opened for the first time.
function lazy(attributes, summary, build) {
  const element = h("details", attributes, h("summary", null, summary));
  element.fill = () => {
    if (element.childElementCount === 1) element.append(build());
  };
  if (attributes.open) element.fill();
  element.addEventListener("toggle", () => element.open && element.fill());
  return element;
}

// Appends items in batches, with a button for the rest.
function batched(list, items, size, make) {
  let done = 0;
  const button = h("button", { type: "button", class: "button", onclick: () => add(size) });
  const more = h("p", { class: "more" }, button);
  function add(number) {
    list.append(...items.slice(done, done + number).map(make));
    done = Math.min(items.length, done + number);
    more.hidden = done >= items.length;
    button.textContent = `Show ${Math.min(size, items.length - done)} of ${items.length - done} more`;
  }
  add(size);
  const whole = h("div", null, list, more);
  whole.fill = () => add(items.length);
  whole.dataset.batched = "";
  return whole;
}

function detailsOf(requirement) {
  const panel = h("div", { class: "panel" });
  panel.append(...limits(requirement), ...extra("Waiver", requirement.waiver), ...extra("Drill", requirement.drill));
  panel.append(h("h3", null, "Tests linked to this requirement", ` (${requirement.tests.length})`));
  const tests = [...requirement.tests].sort((one, two) => rank(one) - rank(two));
  const make = (one) => test(one, tests.length === 1);
  if (tests.length) panel.append(batched(h("div"), tests, BATCH.tests, make));
  else panel.append(h("p", null, "None. Nothing is known about it."));
  panel.append(h("h3", null, "About this requirement"), about(requirement));
  return panel;
}

// Why a requirement has its status, in one line: what is wrong, what was waived, or what was examined.
function why(requirement) {
  const verdicts = requirement.tests.flatMap((one) => one.verdicts);
  if (requirement.reason || !requirement.tests.length) return requirement.reason;
  const waivers = verdicts.flatMap((verdict) => verdict.findings).map((one) => one.waived_by).filter((id) => id !== null);
  if (waivers.length) return `${counted(waivers.length, "finding")} waived by ${[...new Set(waivers)].join(", ")}`;
  const said = [...new Set(verdicts.map((verdict) => verdict.summary))];
  return said.join("; ") || "judged by assertions alone, no verdict";
}

function isUnmet(verdict) {
  return verdict.status === "violated" || verdict.status === "unverified";
}

function rank(one) {
  if (one.outcome !== "passed") return 0;
  return one.verdicts.some(isUnmet) || one.unexamined.length ? 1 : 2;
}

function facts(pairs, form = "") {
  const list = h("dl", { class: `facts ${form}` });
  for (const [name, value] of pairs) {
    if (value === null || value === "") continue;
    const pair = [h("dt", null, name), h("dd", null, value)];
    list.append(...(form ? [h("div", null, pair)] : pair));
  }
  return list;
}

function about(requirement) {
  const raw = requirement.raw_status === requirement.status ? "" : `${requirement.raw_status} before waivers`;
  const basis = { verdict: "the verdicts of its tests", assertions: "its tests' assertions alone; they made no verdict" };
  return facts([
    ["Family", requirement.family],
    ["Severity", requirement.severity || "not set"],
    ["Owner", requirement.owner || "not set"],
    ["Judged by", basis[requirement.basis] || "nothing"],
    ["Without waivers", raw],
    ["References", requirement.refs.join(", ")],
    ["Declared by", requirement.declared ? "the policy" : "a marker"],
    ["Declared at", requirement.declared_at],
  ], "inline");
}

function limits(requirement) {
  const worst = {};
  for (const { verdicts } of requirement.tests) {
    for (const verdict of verdicts) {
      for (const [name, seconds] of Object.entries(verdict.measured)) {
        worst[name] = Math.max(seconds, name in worst ? worst[name] : seconds);
      }
    }
  }
  const names = [...new Set([...Object.keys(requirement.limits), ...Object.keys(worst)])];
  if (!names.length) return [];
  const rows = names.map((name) => {
    const limit = requirement.limits[name];
    const found = worst[name];
    let state = "met";
    if (found === undefined) state = "unverified";
    else if (limit !== undefined && found > limit) state = "violated";
    const word = { met: limit === undefined ? "no limit" : "within", violated: "above", unverified: "not measured" }[state];
    return h("tr", null,
      h("th", { scope: "row" }, name),
      h("td", null, found === undefined ? "–" : objective(found)),
      h("td", null, limit === undefined ? "–" : objective(limit)),
      h("td", { class: state }, icon(state), word));
  });
  const head = ["Objective", "Measured", "Limit", "Result"].map((name) => h("th", { scope: "col" }, name));
  return [
    h("h3", null, "Measured against the limits"),
    h("table", null, h("thead", null, h("tr", null, head)), h("tbody", null, rows)),
  ];
}

function extra(name, object) {
  if (object === null) return [];
  return [h("h3", null, name), facts(Object.entries(object).map(([key, value]) => [key, asText(value)]))];
}

function asText(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 1);
}

function test(one, alone) {
  const state = OUTCOME_ICONS[one.outcome] || "unverified";
  const summary = [icon(state), h("span", { class: state }, one.outcome), " ", h("code", null, one.nodeid), " ",
    h("span", { class: "soft" }, duration(one.duration))];
  return lazy({ class: "test", open: alone || rank(one) < 2 }, summary, () => {
    const inside = h("div", { class: "inside" });
    if (one.reason) inside.append(h("p", { class: "text" }, one.reason));
    if (one.unexamined.length) {
      inside.append(h("p", null, "Not examined:"), h("ul", null, one.unexamined.map((part) => h("li", null, part))));
    }
    if (!one.verdicts.length) inside.append(h("p", { class: "soft" }, "It made no verdict."));
    inside.append(...one.verdicts.map(verdictBlock));
    return inside;
  });
}

function verdictBlock(verdict) {
  const looked = examined(verdict.examined);
  const block = h("section", { class: `check ${verdict.status}` },
    h("h4", { class: verdict.status }, icon(verdict.status), `${verdict.status}: ${verdict.check}`),
    verdict.summary === `examined ${looked}` ? "" : h("p", { class: "text" }, verdict.summary),
    h("p", null, h("span", { class: "soft" }, "Examined: "), looked));
  if (verdict.findings.length) {
    block.append(batched(h("ol", { class: "findings" }), verdict.findings, BATCH.findings, finding));
  }
  block.append(...json("Evidence", verdict.evidence));
  return block;
}

function examined(table) {
  const things = [];
  const places = [];
  for (const [name, value] of Object.entries(table)) {
    if (typeof value === "string") places.push(`${name} ${value}`);
    else if (Array.isArray(value)) things.push(`${value.length.toLocaleString("en")} ${name} (${value.join(", ")})`);
    else things.push(`${value.toLocaleString("en")} ${name}`);
  }
  return [...things, ...places].join(", ") || "nothing";
}

function finding(one) {
  const where = one.location && (one.location.line === null ? one.location.path : `${one.location.path}:${one.location.line}`);
  const state = one.waived_by === null ? one.status : "waived";
  return h("li", null,
    h("div", { class: "text" }, icon(state), h("span", { class: state }, state), " ", one.message),
    one.fix ? h("div", { class: "remedy text" }, h("strong", null, "Remedy: "), one.fix) : "",
    facts([
      ["Where", where ? h("span", { class: "code" }, where) : ""],
      ["Rule", h("code", null, one.rule)],
      ["About", one.subject],
      ["See", one.refs.join(", ")],
      ["Waived by", one.waived_by],
    ], "inline"),
    json("Details for programs", one.detail));
}

function json(name, object) {
  if (!Object.keys(object).length) return [];
  return [lazy({}, name, () => h("pre", null, JSON.stringify(object, null, 2)))];
}
