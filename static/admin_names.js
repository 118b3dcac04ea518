// Names that Django's admin leaves out: of its searching selects, and of columns that hold only buttons.
"use strict";

function name() {
  for (const drawn of document.querySelectorAll(".select2")) {
    const select = drawn.parentElement.querySelector("select");
    const label = select?.labels?.[0] ?? drawn.closest(".form-row")?.querySelector("label, legend");
    for (const box of drawn.querySelectorAll(".select2-selection, .select2-selection__rendered")) {
      box.setAttribute("aria-label", (label?.textContent ?? select?.name ?? "").trim().replace(/:$/, ""));
    }
  }
  for (const head of document.querySelectorAll(".tabular thead th")) {
    if (head.textContent.trim()) continue;
    const words = Object.assign(document.createElement("span"), { className: "visually-hidden" });
    words.textContent = head.closest("fieldset").querySelector("h2")?.textContent ?? "";
    head.append(words);
  }
}

// The selects are drawn when jQuery is ready, in the order in which that was asked for: ours comes last.
window.django?.jQuery?.(name);
