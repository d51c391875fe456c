// The table of requirements: filters and order are kept in the URL's hash, so that a view can be sent.

const PAGE = 200;
const PRINT_ALL = 1000;
const PAUSE = 150;
const DEFAULT_SORT = "status";
const SORTS = {
  status: (row) => STATUSES.indexOf(field(row, "status")),
  id: (row) => field(row, "id"),
  severity: (row) => severityRank(row),
  owner: (row) => field(row, "owner") || "\uffff",
  tests: (row) => -testsOf(row).length,
};
const NONE = "(not set)";
const $ = (id) => document.getElementById(id);

let state = read();
let limit = PAGE;
let shown = [];
const controls = {};
const body = h("tbody");

function severityRank(row) {
  const index = SEVERITIES.indexOf(field(row, "severity"));
  return index < 0 ? SEVERITIES.length : index;
}

function read() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const status = (hash.get("status") || "").split(",").filter((name) => STATUSES.includes(name));
  return {
    status: new Set(status),
    family: hash.get("family") || "",
    owner: hash.get("owner") || "",
    severity: hash.get("severity") || "",
    q: hash.get("q") || "",
    sort: hash.get("sort") in SORTS ? hash.get("sort") : DEFAULT_SORT,
    reverse: hash.get("order") === "reverse",
    open: new Set(hash.getAll("open")),
  };
}

function write() {
  const hash = new URLSearchParams();
  if (state.status.size) hash.set("status", STATUSES.filter((name) => state.status.has(name)).join(","));
  for (const name of ["family", "owner", "severity", "q"]) if (state[name]) hash.set(name, state[name]);
  if (state.sort !== DEFAULT_SORT) hash.set("sort", state.sort);
  if (state.reverse) hash.set("order", "reverse");
  for (const id of state.open) hash.append("open", id);
  history.replaceState(null, "", String(hash) ? `#${hash}` : location.pathname + location.search);
}

function matches(row) {
  if (state.status.size && !state.status.has(field(row, "status"))) return false;
  for (const name of ["family", "owner", "severity"]) {
    if (state[name] && (field(row, name) || NONE) !== state[name]) return false;
  }
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every((word) => haystack(row).includes(word));
}

function choose() {
  const key = SORTS[state.sort];
  const sign = state.reverse ? -1 : 1;
  // The rows come with those not met first; a stable sort keeps that order within equals.
  shown = DATA.requirements.filter(matches).map((row) => [key(row), row]);
  shown.sort(([one], [two]) => sign * (one < two ? -1 : Number(one > two)));
  shown = shown.map(([, row]) => row);
}

function draw() {
  choose();
  const rows = shown.slice(0, limit);
  body.replaceChildren(...rows.flatMap(rowsOf));
  const total = DATA.requirements.length;
  const left = shown.length - rows.length;
  $("shown").textContent = total
    ? `${shown.length.toLocaleString("en")} of ${counted(total, "requirement")}${left ? `, the first ${rows.length} shown` : ""}`
    : "No requirement was declared or claimed, so nothing is known.";
  controls.more.hidden = !left;
  for (const tile of document.querySelectorAll("button.count")) {
    tile.setAttribute("aria-pressed", String(state.status.has(tile.dataset.status)));
  }
  for (const header of document.querySelectorAll("th[data-sort]")) {
    if (header.dataset.sort === state.sort) header.setAttribute("aria-sort", state.reverse ? "descending" : "ascending");
    else header.removeAttribute("aria-sort");
  }
  for (const name of ["family", "owner", "severity", "q"]) controls[name].value = state[name];
}

function change(update) {
  Object.assign(state, update);
  limit = PAGE;
  write();
  draw();
}

function rowsOf(row) {
  const [id, title, status] = ["id", "title", "status"].map((name) => field(row, name));
  const reason = why(unfold("requirement", row));
  const [severity, owner] = [field(row, "severity") || "", field(row, "owner") || ""];
  const failed = notPassed(row);
  const tests = counted(testsOf(row).length, "test") + (failed ? `, ${failed} not passed` : "");
  const toggle = h("button", { type: "button", class: "toggle", "aria-expanded": "false" },
    h("span", null, h("span", { class: "id" }, id), " ", h("span", { class: "title" }, title)));
  const line = h("tr", { class: "row" },
    h("td", { class: `status ${status}` }, icon(status), h("span", { class: "word" }, status)),
    h("th", { scope: "row" }, toggle,
      reason ? h("div", { class: "why" }, reason) : "",
      h("div", { class: "meta" }, [status, severity, owner, tests].filter(Boolean).join(" · "))),
    h("td", { class: "wide" }, severity), h("td", { class: "wide owner" }, owner), h("td", { class: "wide number" }, tests));
  const rows = [line];
  let detail = null;
  function set(open) {
    if (open && !detail) {
      detail = h("tr", { class: "detail" }, h("td", { colspan: "5" }, detailsOf(unfold("requirement", row))));
      if (line.isConnected) line.after(detail);
      else rows.push(detail);
    }
    if (detail) detail.hidden = !open;
    line.classList.toggle("open", open);
    toggle.setAttribute("aria-expanded", String(open));
  }
  toggle.addEventListener("click", () => {
    const open = !state.open.has(id);
    if (open) state.open.add(id);
    else state.open.delete(id);
    set(open);
    write();
  });
  line.set = set;
  if (state.open.has(id)) set(true);
  return rows;
}

// Ten thousand rows take a moment to search: wait until the typing pauses.
let pause = 0;
function typed(event) {
  clearTimeout(pause);
  pause = setTimeout(() => change({ q: event.target.value }), PAUSE);
}

function select(label, name, values) {
  controls[name] = h("select", { onchange: (event) => change({ [name]: event.target.value }) },
    h("option", { value: "" }, "any"), values.map((value) => h("option", { value }, value)));
  return h("label", null, label, controls[name]);
}

function valuesOf(name) {
  return [...new Set(DATA.requirements.map((row) => field(row, name) || NONE))].sort();
}

function buildFilters() {
  const form = $("filters");
  controls.q = h("input", { type: "search", autocomplete: "off", oninput: typed });
  const severities = [...SEVERITIES, NONE].filter((value) => valuesOf("severity").includes(value));
  const reset = { status: new Set(), family: "", owner: "", severity: "", q: "", sort: DEFAULT_SORT, reverse: false };
  form.append(
    h("label", { class: "query" }, "Search in everything", controls.q),
    select("Family", "family", valuesOf("family")),
    select("Owner", "owner", valuesOf("owner")),
    select("Severity", "severity", severities),
    h("button", { type: "button", class: "button", onclick: () => change({ ...reset, status: new Set() }) }, "Reset"));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
}

function buildCounts() {
  for (const tile of document.querySelectorAll(".count")) {
    const { status } = tile.dataset;
    const button = h("button", { type: "button", class: `count ${status}`, "aria-pressed": "false", "data-status": status,
      onclick: () => {
        const chosen = new Set(state.status);
        if (!chosen.delete(status)) chosen.add(status);
        change({ status: chosen });
      } }, ...tile.childNodes);
    tile.replaceWith(button);
  }
}

function buildTable() {
  const sort = (name) => change({ sort: name, reverse: state.sort === name && !state.reverse });
  const header = (name, label, wide) => h("th", { scope: "col", "data-sort": name, class: wide ? "wide" : null },
    h("button", { type: "button", class: "sort", onclick: () => sort(name) }, h("span", { class: "word" }, label)));
  controls.more = h("p", { class: "more" },
    [PAGE, 5 * PAGE].map((step) => h("button", { type: "button", class: "button",
      onclick: () => { limit += step; draw(); } }, `Show ${step.toLocaleString("en")} more`)));
  const columns = h("tr", { class: "head" }, header("status", "Status"), header("id", "Requirement"),
    header("severity", "Severity", true), header("owner", "Owner", true), header("tests", "Tests", true));
  $("requirements").append(h("table", null, h("thead", null, columns), body), controls.more);
}

// Paper has nothing to click: print whatever the filters show, with everything open.
function openForPrint() {
  limit = Infinity;
  draw();
  const few = shown.length <= PRINT_ALL;
  for (const line of body.querySelectorAll("tr.row")) {
    const unmet = line.querySelector(".status.violated, .status.unverified");
    if (few || unmet) line.set(true);
  }
  for (const element of document.querySelectorAll("[data-batched]")) element.fill();
  // Opening one element can make further ones, which this live loop reaches too.
  const all = document.getElementsByTagName("details");
  for (let index = 0; index < all.length; index += 1) {
    if (all[index].fill) all[index].fill();
    all[index].open = true;
  }
  if (!few) $("shown").textContent += "; details are printed for those that are not met";
}

function closeAfterPrint() {
  limit = PAGE;
  document.querySelector(".about").open = false;
  draw();
}

buildCounts();
buildFilters();
buildTable();
draw();
addEventListener("hashchange", () => { state = read(); limit = PAGE; draw(); });
addEventListener("beforeprint", openForPrint);
addEventListener("afterprint", closeAfterPrint);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash holds the filters
  $("requirements").focus();
});
