// The page's own script: it shows one step after the other, and says what the embed did.
"use strict";

const form = document.querySelector("#booking");
const said = document.querySelector("#said");

for (const button of form.querySelectorAll("[data-next]")) {
  button.addEventListener("click", () => {
    const step = button.closest("fieldset");
    step.hidden = true;
    step.nextElementSibling.hidden = false;
    step.nextElementSibling.querySelector("input, textarea").focus();
    window.Leadline?.step(form, Number(step.nextElementSibling.dataset.leadlineStep));
  });
}
for (const name of ["saved", "submitted", "error"]) {
  form.addEventListener(`leadline:${name}`, (event) => {
    said.textContent = `${name} ${event.detail.lead_uuid || event.detail.message}`;
  });
}
