// The one script of our own. Every page works without it; it only saves keystrokes.
"use strict";

const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

// Search: "/" or Ctrl-K from anywhere.
function focusSearch(event) {
  const box = document.querySelector(".find input");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
}

// Menus are <details>; Escape gives the focus back to where it was opened.
function closeMenus(except) {
  let closed = null;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu.contains(except)) continue;
    menu.open = false;
    closed = menu;
  }
  return closed;
}

// Rows: j and k walk through the list, Enter opens the row's first link.
const rowsOnPage = () =>
  [...document.querySelectorAll("[data-rows]")].flatMap((list) => [...list.children]).filter((row) => row.querySelector("a[href]"));

function currentRow(rows) {
  const focused = rows.findIndex((row) => row.contains(document.activeElement));
  return focused >= 0 ? focused : rows.findIndex((row) => row.classList.contains("here"));
}

function walk(event, step) {
  const rows = rowsOnPage();
  if (!rows.length) return;
  event.preventDefault();
  const next = Math.min(Math.max(currentRow(rows) + step, 0), rows.length - 1);
  rows.forEach((row) => row.classList.remove("here"));
  rows[next].classList.add("here");
  rows[next].querySelector("a[href]").focus({ preventScroll: true });
  rows[next].scrollIntoView({ block: "nearest" });
}

function openRow(event) {
  const row = document.querySelector("[data-rows] .here");
  if (!row || document.activeElement !== document.body) return;
  event.preventDefault();
  row.querySelector("a[href]").click();
}

// Toasts: what stands in a live region when a page arrives is not read out, what is put there is.
const toasts = document.getElementById("toasts");
if (toasts?.children.length) setTimeout(() => toasts.append(...toasts.children), 100);

function dismiss(toast) {
  if (toast.contains(document.activeElement)) document.getElementById("main").focus({ preventScroll: true });
  toast.remove();
}

// `data-passes` is how many seconds a toast still stays; they do not count while somebody is at it.
setInterval(() => {
  for (const toast of document.querySelectorAll(".toast[data-passes]:not(:hover, :focus-within)")) {
    toast.dataset.passes -= 1;
    if (toast.dataset.passes < 1) toast.remove();
  }
}, 1000);

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // Korean input sends keys of its own while a syllable is being built.
  if (event.key === "Escape") closeMenus(null)?.querySelector("summary").focus();
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") return focusSearch(event);
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === "/") focusSearch(event);
  if (event.key === "j") walk(event, 1);
  if (event.key === "k") walk(event, -1);
  if (event.key === "z") [...document.querySelectorAll("[data-key=z]")].at(-1)?.click();
  if (event.key === "Enter") openRow(event);
});

document.addEventListener("click", (event) => {
  closeMenus(event.target);
  if (event.target.closest(".dismiss")) dismiss(event.target.closest(".toast"));
});
document.addEventListener("focusin", (event) => closeMenus(event.target));
document.addEventListener("focusin", (event) => {
  for (const row of document.querySelectorAll("[data-rows] .here")) {
    if (!row.contains(event.target)) row.classList.remove("here");
  }
});
