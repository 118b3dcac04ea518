// The one script of our own. Every page works without it; it only saves keystrokes.
"use strict";

const at = (selector, from = document) => from.querySelector(selector);
const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

// "/" goes to the search box of the bar.
function focusSearch(event) {
  event.preventDefault();
  at(".find input")?.select();
}

// Ctrl-K opens the palette, "?" the keyboard map; htmx fetches what they show.
function openPalette(event) {
  const palette = at("#palette");
  if (!palette) return focusSearch(event);
  event.preventDefault();
  if (!palette.open) palette.showModal();
  at("input", palette).select();
  htmx.trigger(at("input", palette), "input");
}

function openKeys(event) {
  event.preventDefault();
  htmx.ajax("GET", at("#keys").dataset.from, { target: "#keys-found", swap: "innerHTML" }).then(() => at("#keys").showModal());
}

// In the palette the arrows walk from the box through what was found; Enter in the box takes the first.
function walkPalette(event) {
  const palette = at("#palette[open]");
  if (!palette || !["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
  const box = at("input", palette);
  const found = [...palette.querySelectorAll("#palette-found :is(a, button)")];
  if (event.key === "Enter") {
    // While the answer to what was typed is still on its way, Enter leads to the search page.
    if (event.target !== box || at("[data-found]", palette)?.dataset.found !== box.value.trim() || !found.length) return;
    event.preventDefault();
    return found[0].click();
  }
  event.preventDefault();
  const stops = [box, ...found];
  const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  stops[(next + stops.length) % stops.length].focus();
}

// Menus are <details>; Escape gives the focus back to where it was opened.
function closeMenus(except) {
  const open = [...document.querySelectorAll("details.menu[open]")].filter((menu) => !menu.contains(except));
  open.forEach((menu) => { menu.open = false; });
  return open.at(-1);
}

// Rows: j and k walk through the list, Enter opens the row's first link, x selects it.
const rowsOnPage = () =>
  [...document.querySelectorAll("[data-rows]")].flatMap((list) => [...list.children]).filter((row) => at("a[href]", row));

function currentRow(rows = rowsOnPage()) {
  const focused = rows.findIndex((row) => row.contains(document.activeElement));
  return focused >= 0 ? focused : rows.findIndex((row) => row.classList.contains("here"));
}

function walk(event, step) {
  const rows = rowsOnPage();
  if (!rows.length) return;
  event.preventDefault();
  const next = Math.min(Math.max(currentRow(rows) + step, 0), rows.length - 1);
  rows.forEach((row, n) => row.classList.toggle("here", n === next));
  at("a[href]", rows[next]).focus({ preventScroll: true });
  rows[next].scrollIntoView({ block: "nearest" });
}

// What carries `data-key` is pressed by that key: in the row where one is, else on the page, the newest first.
function press(event, selector) {
  const row = rowsOnPage()[currentRow()];
  const beside = selector.startsWith("[data-key") ? `main ${selector}:not([data-rows] *)` : ":not(*)";
  const target = (row && at(selector, row)) ?? [...document.querySelectorAll(beside)].at(-1);
  if (!target) return;
  event.preventDefault();
  target.click();
}

// Toasts: what stands in a live region when a page arrives is not read out, what is put there is.
const announce = () => setTimeout(() => at("#toasts")?.append(...at("#toasts").children), 100);
announce();
function dismiss(toast) {
  if (toast.contains(document.activeElement)) document.getElementById("main").focus({ preventScroll: true });
  toast.remove();
}

// `data-copy` names what a button copies; selected as well, for browsers that do not let us.
const copy = (named) => { getSelection().selectAllChildren(named); navigator.clipboard?.writeText(named.textContent); };

// `data-passes` is how many seconds a toast still stays; they do not count while somebody is at it.
setInterval(() => {
  const passing = document.querySelectorAll(".toast[data-passes]:not(:hover, :focus-within)");
  for (const toast of passing) if ((toast.dataset.passes -= 1) < 1) toast.remove();
}, 1000);

const unanswered = () => at("#toasts")?.append(at("#unanswered").content.cloneNode(true));
for (const fault of ["htmx:responseError", "htmx:sendError"]) document.addEventListener(fault, unanswered);

let wentAt = -Infinity; // when "g" was pressed; a place's letter follows it
const KEYS = {
  "/": focusSearch,
  "?": openKeys,
  j: (event) => walk(event, 1),
  k: (event) => walk(event, -1),
  x: (event) => press(event, "input[type=checkbox]"),
  e: (event) => press(event, "[data-key=e]"),
  z: (event) => press(event, "[data-key=z]"),
  g: (event) => { wentAt = event.timeStamp; },
  Enter: (event) => document.activeElement === document.body && press(event, "a[href]"),
};

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // Korean input sends keys of its own while a syllable is being built.
  if (event.key === "Escape") closeMenus(null)?.querySelector("summary").focus();
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") return openPalette(event);
  walkPalette(event);
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || at("dialog[open]")) return;
  const place = event.timeStamp - wentAt < 1500 && at(`[data-go="${CSS.escape(event.key)}"]`);
  wentAt = -Infinity;
  if (place) return place.click();
  if (Object.hasOwn(KEYS, event.key)) KEYS[event.key](event);
});

for (const kind of ["click", "focusin"]) document.addEventListener(kind, (event) => closeMenus(event.target));
document.addEventListener("click", (event) => {
  for (const box of document.querySelectorAll(`input[form="${event.target.dataset.ticks}"]`)) box.checked = event.target.checked;
  if (event.target.closest(".dismiss")) dismiss(event.target.closest(".toast"));
  if (event.target.matches("dialog")) event.target.close(); // the ground around it
  if (event.target.matches("[data-copy]")) copy(at(`#${event.target.dataset.copy}`));
});
document.addEventListener("focusin", (event) =>
  document.querySelectorAll("[data-rows] .here").forEach((row) => row.classList.toggle("here", row.contains(event.target))));

// Values changed in place: the form takes the focus, and when the page is whole again, the link that opened it.
let opener = "";
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches("[data-slot] a[hx-get]")) opener = event.target.getAttribute("href");
});
document.addEventListener("htmx:afterSettle", (event) => {
  const form = event.target.matches(".in-place") ? event.target : at(".in-place", event.target);
  if (form) (at("[aria-invalid=true]", form) ?? at("input:not([type=hidden]), select, textarea", form))?.focus();
  if (event.target.id !== "main") return;
  announce();
  if (opener) document.querySelector(`[data-slot] a[href="${CSS.escape(opener)}"]`)?.focus({ preventScroll: true });
  opener = "";
});
