// Passkeys need the browser's help: forms marked data-passkey get their credential from it and are sent. Whatever
// goes wrong is said in the form; everything else on these pages works without this file.
"use strict";

const ceremonies = {
  "log-in": async (form) => {
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    return webauthnJSON.get((await answer.json()).request_options);
  },
  use: (form) => webauthnJSON.get(JSON.parse(form.dataset.options).request_options),
  add: (form) => {
    const options = JSON.parse(form.dataset.options).creation_options;
    const alone = form.elements.passwordless.checked;
    const wanted = options.publicKey.authenticatorSelection;
    wanted.residentKey = alone ? "required" : "discouraged";
    wanted.requireResidentKey = alone;
    if (alone) wanted.userVerification = "required";
    return webauthnJSON.create(options);
  },
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) break;
  const button = form.querySelector("button");
  const trouble = form.querySelector(".errors[hidden]");
  form.hidden = button.disabled = false;
  button.addEventListener("click", async () => {
    trouble.hidden = button.disabled = true;
    try {
      form.elements.credential.value = JSON.stringify(await ceremonies[form.dataset.passkey](form));
      form.submit();
    } catch {
      trouble.hidden = button.disabled = false;
    }
  });
}
