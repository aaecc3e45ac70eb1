
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
