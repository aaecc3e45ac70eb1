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
