// Names that Django's admin leaves out: of its searching selects, and of columns that hold only buttons.
"use strict";

window.addEventListener("load", () => {
  for (const box of document.querySelectorAll(".select2-selection")) {
    const select = box.closest(".select2").previousElementSibling;
    if (select?.labels?.length) box.setAttribute("aria-label", select.labels[0].textContent.replace(/:$/, ""));
  }
  for (const head of document.querySelectorAll(".tabular thead th")) {
    if (head.textContent.trim()) continue;
    const name = Object.assign(document.createElement("span"), { className: "visually-hidden" });
    name.textContent = head.closest("fieldset").querySelector("h2")?.textContent ?? "";
    head.append(name);
  }
});
