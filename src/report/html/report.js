"use strict";

// A report is one page with views, or many pages with one view each.
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const single = document.body.classList.contains("single");
let view = document;

const store = {
  get(name, fallback) {
    try {
      return JSON.parse(localStorage.getItem("mpycov." + name)) ?? fallback;
    } catch {
      return fallback;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem("mpycov." + name, typeof value === "string" ? value : JSON.stringify(value));
    } catch { /* no storage */ }
  },
};

// --- Light and dark ---

function switchTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const dark = (root.dataset.theme || system) === "dark";
  root.dataset.theme = dark ? "light" : "dark";
  store.set("theme", root.dataset.theme);
}

// --- Lists ---

const folded = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// What a cell is sorted by: the share it shows, its number, or its text.
function cellValue(cell) {
  if (cell.dataset.of !== undefined) {
    const [covered, total] = cell.dataset.of.split(" ").map(Number);
    return total === 0 ? 100 : (100 * covered) / total;
  }
  return cell.classList.contains("name") ? cell.textContent : Number(cell.textContent);
}

function sortTable(table, heading, order) {
  const column = [...heading.parentElement.cells].indexOf(heading);
  for (const other of heading.parentElement.cells) {
    other.setAttribute("aria-sort", "none");
  }
  heading.setAttribute("aria-sort", order);
  const sign = order === "descending" ? -1 : 1;
  const rows = [...table.tBodies[0].rows].map((row) => [cellValue(row.cells[column]), row]);
  rows.sort(([a], [b]) => sign * (typeof a === "string" ? folded.compare(a, b) : a - b));
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function onHeading(heading) {
  const now = heading.getAttribute("aria-sort");
  const other = { ascending: "descending", descending: "ascending" };
  const order = other[now] ?? heading.dataset.first;
  sortTable(heading.closest("table"), heading, order);
  store.set("sort", { column: heading.dataset.column, order });
}

// As the page itself says it: never 0 or 100 unless it is that.
function percentText(covered, total, places) {
  const near = 10 ** -places;
  if (total === 0) return "–";
  let percent = (100 * covered) / total;
  if (covered > 0 && percent < near) percent = near;
  if (covered < total && percent > 100 - near) percent = 100 - near;
  return percent.toFixed(places) + "%";
}

// Hides rows, and lets the last row tell the sums of those that are left.
function filterTable(table) {
  const text = one("#filter").value;
  const plain = text === text.toLowerCase();
  const hideCovered = one("#hide100").checked;
  const footer = table.tFoot.rows[0];
  const places = Number(table.dataset.places);
  const sums = [...footer.cells].map(() => [0, 0]);
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    const names = all("td.name a", row).map((link) => link.textContent).join("\n");
    const found = (plain ? names.toLowerCase() : names).includes(text);
    row.hidden = !found || (hideCovered && row.classList.contains("complete"));
    if (row.hidden) continue;
    shown += 1;
    for (const [index, cell] of [...row.cells].entries()) {
      if (cell.classList.contains("name")) continue;
      const [first, second] = cell.dataset.of?.split(" ") ?? [cell.textContent, "0"];
      sums[index][0] += Number(first);
      sums[index][1] += Number(second);
    }
  }
  for (const [index, cell] of [...footer.cells].entries()) {
    if (cell.classList.contains("name")) continue;
    const [covered, total] = sums[index];
    if (cell.classList.contains("cover")) {
      one("b", cell).textContent = percentText(covered, total, places);
      one(".meter i", cell).style.width = (total === 0 ? 0 : (100 * covered) / total) + "%";
    } else if (cell.dataset.of !== undefined) {
      const of = Object.assign(document.createElement("span"), { className: "of", textContent: "/" + total });
      cell.replaceChildren(String(covered), of);
    } else {
      cell.textContent = covered;
    }
    if (cell.dataset.of !== undefined) cell.dataset.of = covered + " " + total;
  }
  table.classList.toggle("empty", shown === 0);
  table.nextElementSibling.hidden = shown > 0;
}

function setUpLists() {
  const tables = all("table.index");
  if (tables.length === 0) return;
  const filter = one("#filter");
  const hide = one("#hide100");
  filter.value = String(store.get("filter", "") ?? "");
  hide.checked = store.get("hide", false) === true;
  const apply = () => tables.forEach(filterTable);
  filter.addEventListener("input", () => {
    store.set("filter", JSON.stringify(filter.value));
    apply();
  });
  filter.addEventListener("keydown", (event) => {
    if (event.key === "Escape" || event.key === "Enter") filter.blur();
  });
  hide.addEventListener("change", () => {
    store.set("hide", hide.checked);
    apply();
  });
  const kept = store.get("sort", { column: "file", order: "ascending" });
  for (const table of tables) {
    const heading = all("th", table).find((th) => th.dataset.column === kept.column);
    if (heading !== undefined) sortTable(table, heading, kept.order);
    all("th button", table).forEach((button) => {
      button.addEventListener("click", () => onHeading(button.closest("th")));
    });
  }
  if (filter.value !== "" || hide.checked) apply();
}

// --- Files ---

const KINDS = ["mis", "par", "con", "exc", "run"];

// The kind that a line is marked with at the moment, if any.
function markOf(line) {
  const source = line.closest(".source");
  return KINDS.find((kind) => line.classList.contains(kind) && source.classList.contains("show-" + kind));
}

// Neighbouring lines with marks, as [first line, last line, kind of the first].
function chunks() {
  const found = [];
  let open = false;
  for (const line of all(".source .l", view)) {
    const mark = markOf(line);
    if (mark !== undefined && open) {
      found.at(-1)[1] = line;
    } else if (mark !== undefined) {
      found.push([line, line, mark]);
    }
    open = mark !== undefined;
  }
  return found;
}

let here = null;

function goTo(chunk) {
  all(".l.here", view).forEach((line) => line.classList.remove("here"));
  here = chunk[0];
  here.classList.add("here");
  here.scrollIntoView({ block: "center" });
}

const lineNumber = (line) => Number(line.id.replace(/^.*t/, ""));

function step(forward) {
  const found = chunks();
  const at = here === null ? 0 : lineNumber(here);
  const next = forward
    ? found.find(([first]) => lineNumber(first) > at)
    : found.findLast(([first]) => lineNumber(first) < at);
  if (next !== undefined) goTo(next);
}

function toTop() {
  here = null;
  all(".l.here", view).forEach((line) => line.classList.remove("here"));
  scrollTo(0, 0);
}

function onToggle(button) {
  const kind = button.dataset.toggle;
  const on = button.getAttribute("aria-pressed") !== "true";
  const shown = store.get("shown", {});
  store.set("shown", { ...shown, [kind]: on });
  applyToggles();
}

function applyToggles() {
  const shown = store.get("shown", {});
  for (const button of all("[data-toggle]", view)) {
    const kind = button.dataset.toggle;
    const on = shown[kind] ?? kind !== "run";
    button.setAttribute("aria-pressed", on);
    one(".source", view).classList.toggle("show-" + kind, on);
  }
  drawMarks();
}

// Where the marked lines lie in the file, beside the scroll bar.
function drawMarks() {
  one(".marks")?.remove();
  const source = one(".source", view);
  if (source === null) return;
  const lines = all(".l", source).length;
  const strip = Object.assign(document.createElement("div"), { className: "marks" });
  for (const [first, last, kind] of chunks()) {
    const mark = Object.assign(document.createElement("i"), { className: kind });
    mark.style.top = (100 * (lineNumber(first) - 1)) / lines + "%";
    mark.style.height = (100 * (lineNumber(last) - lineNumber(first) + 1)) / lines + "%";
    strip.append(mark);
  }
  document.body.append(strip);
}

// --- Contexts ---

// The numbers in a text such as "0-3 7".
function numbers(text) {
  return text.split(" ").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function showContexts(button) {
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", !open);
  const line = button.closest(".l");
  if (open) {
    one(".ran", line)?.remove();
    return;
  }
  const options = one("select.context", view).options;
  const list = Object.assign(document.createElement("div"), { className: "ran" });
  for (const index of numbers(button.dataset.contexts)) {
    const name = options[index + 1].textContent;
    const item = document.createElement("span");
    const cut = name.indexOf("|");
    if (cut >= 0) {
      const board = Object.assign(document.createElement("b"), { textContent: name.slice(0, cut) });
      item.append(board, " " + name.slice(cut + 1));
    } else {
      item.textContent = name;
    }
    list.append(item);
  }
  line.append(list);
}

// Only what one context ran stays bright.
function pickContext(select) {
  const wanted = select.value === "" ? null : Number(select.value);
  for (const line of all(".source .l", view)) {
    const button = one(".ctx", line);
    const ran = button !== null && numbers(button.dataset.contexts).includes(wanted);
    line.classList.toggle("dim", wanted !== null && !ran);
  }
}

// --- Arrows to where a line leads ---

function drawArcs(line) {
  one(".arcs", view)?.remove();
  const exits = line === null ? [] : all(".ex[data-to]", line);
  if (exits.length === 0) return;
  const source = line.closest(".source");
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("class", "arcs");
  picture.style.height = source.scrollHeight + "px";
  const top = source.getBoundingClientRect().top;
  const middle = (box) => box.top - top + Math.min(box.height, 20) / 2;
  const from = middle(line.getBoundingClientRect());
  for (const [index, exit] of exits.entries()) {
    const target = document.getElementById(exit.getAttribute("href").slice(1));
    if (target === null) continue;
    const to = middle(target.getBoundingClientRect());
    const out = 12 - 5 * index;
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", `M22 ${from} C${out - 6} ${from} ${out - 6} ${to} 20 ${to} m-5 -4 l5 4 l-5 4`);
    path.setAttribute("class", exit.classList.contains("no") ? "no" : "");
    picture.append(path);
  }
  source.append(picture);
}

// --- Decisions ---

function light(row, on) {
  const table = one(".paths", row.closest(".dec"));
  const wanted = row.dataset.rows.split(" ");
  for (const path of table.tBodies[0].rows) {
    path.classList.toggle("lit", on && wanted.includes(path.dataset.row));
  }
}

// --- Views of a single page ---

function route() {
  const name = location.hash.slice(1);
  const views = all(".view");
  const file = /^(f\d+)(-t\d+)?$/.exec(name)?.[1];
  view = views.find((section) => section.dataset.view === file) ?? views[0];
  views.forEach((section) => (section.hidden = section !== view));
  one(".marks")?.remove();
  here = null;
  if (view === views[0]) {
    const noun = ["functions", "classes"].includes(name) ? name : "files";
    for (const table of all("table.index", view)) {
      const shown = table.dataset.list === noun;
      table.hidden = !shown;
      table.nextElementSibling.hidden = !shown || !table.classList.contains("empty");
    }
    for (const link of all(".tabs a", view)) {
      link.toggleAttribute("aria-current", link.hash === "#" + noun);
    }
    scrollTo(0, 0);
  } else {
    applyToggles();
    const line = document.getElementById(name);
    if (line !== null && line.classList.contains("l")) line.scrollIntoView({ block: "center" });
    else scrollTo(0, 0);
  }
}

// --- Keys and clicks ---

function press(key) {
  const visible = (element) => element.closest("table[hidden]") === null;
  const found = all("[data-key]", view).find((element) => element.dataset.key === key && visible(element));
  if (found === undefined) return false;
  if (found.matches("input")) found.focus();
  else found.click();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input[type=search], select, textarea")) return;
  const help = one("#help");
  if (help.open) {
    if (event.key === "?") help.close();
    return;
  }
  const file = one(".source", view) !== null;
  const moves = { j: () => step(true), k: () => step(false), 0: toTop, 1: () => { toTop(); step(true); } };
  if (file && Object.hasOwn(moves, event.key)) moves[event.key]();
  else if (!press(event.key)) return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const target = event.target.closest("button");
  if (target?.matches(".theme")) switchTheme();
  else if (target?.matches(".keys")) one("#help").showModal();
  else if (target?.matches("[data-toggle]")) onToggle(target);
  else if (target?.matches(".ctx")) showContexts(target);
  else if (event.target.matches("#help")) event.target.close();
});

document.addEventListener("change", (event) => {
  if (event.target.matches("select.context")) pickContext(event.target);
});

document.addEventListener("mouseover", (event) => {
  const line = event.target.closest?.(".l");
  if (line !== undefined) drawArcs(line);
  const row = event.target.closest?.(".conds tr[data-rows]");
  if (row) light(row, true);
});

document.addEventListener("mouseout", (event) => {
  const row = event.target.closest?.(".conds tr[data-rows]");
  if (row) light(row, false);
});

setUpLists();
if (single) {
  addEventListener("hashchange", route);
  route();
} else if (one(".source") !== null) {
  applyToggles();
  const target = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  if (target?.classList.contains("l")) here = target;
}
