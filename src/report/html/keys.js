
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
