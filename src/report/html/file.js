
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
  const options = one("select.context", button.closest(".view") ?? document).options;
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
