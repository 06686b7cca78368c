/* Leadline's embed captures a form while it is filled in, if its owner and its visitor want that:
 *   <script src="https://…/embed.js" data-form-key="summer" defer></script>
 * data-form="#booking" says which form, else the first one; data-consent="wait" that nothing is captured before
 * Leadline.grant(). Single-page apps: Leadline.attach(form, {formKey, consent}), consent(form) being asked each time;
 * Leadline.step(form, 2) without data-leadline-step="3|2|1" around fields; Leadline.submit(form) without a submit.
 * Events of the form: leadline:saved, leadline:submitted, leadline:error. Its own submit is never touched.
 */
(() => {
  "use strict";
  if (window.Leadline) return;
  const script = document.currentScript;
  const base = script.src.replace(/\/embed\.js.*$/, "");
  const states = new Map();
  let granted = script.dataset.consent !== "wait";

  // What may be told. Which names and numbers are withheld, the server says, and leaves out the same.

  const hasCheckDigit = (digits) => [...digits].reverse().reduce((total, digit, place) => {
    const value = digit * (1 + place % 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0) % 10 === 0;

  // Groups of digits that are a card's number together. What begins with a plus is a phone's.
  function hasCard(text, isCard, shortest) {
    return (text.match(/\+?\d+([\s.-]\d+)*/g) || []).some((run) => {
      const groups = run[0] === "+" ? [] : run.match(/\d+/g);
      return groups.some((_, first) => {
        let digits = "";
        return groups.slice(first, first + 19).some((group) => {
          digits += group;
          return digits.length >= shortest && isCard.test(digits) && hasCheckDigit(digits);
        });
      });
    });
  }

  function isSecret({ withheld }, field) {
    const hints = field.getAttribute("autocomplete") || "";
    return /(^|\s)cc-|password/i.test(hints) || /^(password|file)$/.test(field.type) || withheld.names.test(field.name.toLowerCase()) ||
      hasCard(field.value || "", withheld.cards, field.type === "tel" ? 16 : 13);
  }

  function isAsked({ fields, is_exact }, name) {
    if (is_exact) return fields.includes(name);
    const bare = name.replace(/^(?:contact|customer|data|(?:form_)?fields|form|lead|person|user|visitor)\[(.+)]$/, "$1")
      .replace(/([a-z])([A-Z])/g, "$1_$2").normalize("NFKD");
    const plain = bare.replace(/\p{M}/gu, "").toLowerCase().replace(/[\W_]+/g, "_").replace(/^_|_$|_\d+_?$/g, "");
    return fields.includes(plain) || fields.includes(plain.replace(/^(your|contact|customer)_/, ""));
  }

  // Before it is sent what the form asks for; then all but what is secret, or hidden and not asked for.
  function read({ form, config }, isWhole) {
    const values = {};
    for (const field of form.elements) {
      const { name, type } = field;
      if (!name || field.disabled || isSecret(config, field)) continue;
      if (/^(submit|button|image|reset|fieldset|output|object)$/.test(type)) continue;
      if (!isAsked(config, name) && !config.guards.includes(name) && (!isWhole || type === "hidden")) continue;
      if (type === "radio" && !field.checked) continue;
      const chosen = type === "select-multiple" ? [...field.selectedOptions].map((one) => one.value) : [field.value];
      if (type === "checkbox" && !field.checked) chosen.pop();
      values[name] = [values[name], ...chosen].filter(Boolean).join(", ");
    }
    return values;
  }

  function keep(storage, name, value) {
    try {
      if (value === undefined) return JSON.parse(storage().getItem(`leadline:${name}`));
      storage().setItem(`leadline:${name}`, JSON.stringify(value));
    } catch { /* A browser that keeps nothing. */ }
    return null;
  }

  const here = () => location.origin + location.pathname;

  function attribution() {
    const campaign = [...new URLSearchParams(location.search)].filter(([name]) =>
      /^(utm_.*|gclid|gbraid|wbraid|fbclid|msclkid|ttclid|dclid|li_fat_id|twclid|ctwa_clid|gad_source|gad_campaignid)$/.test(name));
    const now = { landing_page: here(), referrer: document.referrer, at: new Date(), ...Object.fromEntries(campaign) };
    const local = () => localStorage;
    const first = keep(local, "first") || now;
    const last = (!campaign.length && keep(local, "last")) || now;
    keep(local, "first", first);
    keep(local, "last", last);
    return { first, last };
  }

  const tell = (state, name, detail) =>
    state.form.dispatchEvent(new CustomEvent(`leadline:${name}`, { bubbles: true, detail }));
  const random = () => [...crypto.getRandomValues(new Uint32Array(4))].map((one) => one.toString(36)).join("-");
  const mayCapture = (state) => granted && state.config.capture_before_submit && state.consent(state.form);

  function remember(state, lead) {
    state.lead = lead;
    keep(() => sessionStorage, state.key, lead && { ...lead, sequence: state.sequence });
  }

  // What is new since the last request that was heard; null when that is nothing.
  function news(state, isFinal) {
    const values = read(state, isFinal);
    const fields = Object.entries(values).filter(([name, value]) => isFinal || value !== (state.heard[name] || ""));
    const isStarted = state.lead || isFinal || fields.some(([name, value]) => value && isAsked(state.config, name));
    if (!isStarted) return null;
    const body = { fields: Object.fromEntries(fields) };
    if (state.step !== state.heardStep) body.step = state.step;
    if (isFinal) body.submitted = true;
    if (!fields.length && Object.keys(body).length === 1) return null;
    // The same visit is the same form, even if its answer never reached us.
    if (!state.lead) Object.assign(body, { form_key: state.key, visit: state.visit, attribution: attribution() });
    if (isFinal && !state.isKept) body.fields.form_seconds = (performance.now() - state.startedAt) / 1000;
    Object.assign(body, { sequence: ++state.sequence, page_url: here() });
    return { body, values, step: state.step, isFurther: Boolean(state.lead) };
  }

  function heard(state, sent) {
    Object.assign(state, { heard: sent.values, heardStep: sent.step });
    remember(state, state.lead);
  }

  function forget(state) {
    Object.assign(state, { heard: {}, heardStep: undefined, visit: random() });
    remember(state, null);
  }

  const address = ({ lead }) => `${base}/api/v1/leads${lead ? `/${lead.lead_uuid}` : ""}`;

  // Text needs no preflight, for which a page that is left has no time; then the token is in the body.
  function request(state, { body }, isPlain) {
    const token = state.lead?.token;
    return isPlain
      ? { method: "POST", body: JSON.stringify({ ...body, token }) }
      : { method: "PUT", body: JSON.stringify(body), headers: { "X-Leadline-Token": token, "Content-Type": "application/json" } };
  }

  // One request at a time; what changes meanwhile goes with the next one.
  async function save(state, isFinal = false) {
    if (!state.config || !(isFinal || (!state.isDone && mayCapture(state)))) return;
    if (!state.lead && state.config.turnstile && !read(state)["cf-turnstile-response"]) return;
    if (state.sending && !isFinal) { state.isLate = true; return; }
    const sent = news(state, isFinal);
    if (!sent) return;
    // A submit says it all; what is on its way must not follow it.
    if (!state.isDone) state.sending?.abort();
    const sending = state.sending = new AbortController();
    state.isDone ||= isFinal;
    let isNew = false;
    try {
      const how = { ...request(state, sent, isFinal || !state.lead), keepalive: true, credentials: "omit" };
      const answer = await fetch(address(state), { ...how, signal: sending.signal });
      if (!answer.ok) throw Object.assign(new Error(`answered ${answer.status}`), { status: answer.status });
      const { lead_uuid, token } = await answer.json();
      if (token) state.lead = { lead_uuid, token };
      (isFinal ? forget : heard)(state, sent);
      tell(state, isFinal ? "submitted" : "saved", { lead_uuid, step: sent.step });
    } catch ({ status, message }) {
      // Given up, or another submit has taken its place.
      if (state.sending !== sending) return;
      // The right to go on has ended, or the form was sent: what comes is another form.
      if (status === 404 || status === 409) forget(state);
      isNew = isFinal && status === 404 && sent.isFurther;
      state.isDone = status === 409;
      tell(state, "error", { status, message });
    }
    state.sending = null;
    if (isNew) return save(state, true);
    if (state.isLate) { state.isLate = false; await save(state); }
  }

  function leave(state) {
    if (state.waiting) return finish(state);
    if (!state.config || state.isDone || !mayCapture(state)) return;
    const sent = news(state, false);
    if (sent && navigator.sendBeacon(address(state), request(state, sent, true).body)) heard(state, sent);
  }

  function wait(state, waiting) {
    clearTimeout(state.waiting);
    state.waiting = waiting;
  }

  function finish(state) {
    wait(state, null);
    return save(state, true);
  }

  // A page that prevents its submit sends the form itself, or wants a mistake mended.
  function onSubmit(state, event) {
    if (!event.defaultPrevented) return finish(state);
    wait(state, setTimeout(guarded(state, finish), 10000));
    return save(state);
  }

  function onInput(state, { type, target }) {
    wait(state, null);
    const step = Number(target.closest("[data-leadline-step]")?.dataset.leadlineStep);
    if (step) state.step = Math.min(state.step || 3, step);
    return type === "change" && save(state);
  }

  // Nothing of ours may break a page.
  const guarded = (state, work) => async (event) => {
    try { await work(state, event); } catch (error) { tell(state, "error", { message: error.message }); }
  };

  function addHoneypot({ form, config: { honeypot_field: name } }) {
    if (!name || form.elements.namedItem(name)) return;
    const trap = Object.assign(document.createElement("input"), { name, tabIndex: -1, autocomplete: "off" });
    trap.setAttribute("aria-hidden", "true");
    trap.style.cssText = "position:absolute;left:-6000px";
    form.append(trap);
  }

  async function learn(state) {
    const answer = await fetch(`${base}/forms/${encodeURIComponent(state.key)}`, { credentials: "omit" });
    if (!answer.ok) throw new Error(`this form is not known: ${state.key}`);
    const config = await answer.json();
    const { names, cards } = config.withheld;
    config.withheld = { names: new RegExp(names), cards: new RegExp(`^(${cards})$`) };
    state.config = config;
    addHoneypot(state);
    await save(state);
  }

  function attach(form, { formKey = script.dataset.formKey, consent = () => true } = {}) {
    if (states.has(form)) return;
    const kept = keep(() => sessionStorage, formKey);
    const state = {
      form, consent, key: formKey, lead: kept, sequence: kept?.sequence || 0, heard: {}, visit: random(),
      startedAt: performance.now(), isKept: Boolean(kept),
    };
    states.set(form, state);
    learn(state).catch((error) => tell(state, "error", { message: error.message }));
    for (const type of ["input", "change"]) form.addEventListener(type, guarded(state, onInput));
    // On the window, to come after the page's own handlers.
    window.addEventListener("submit", (event) => event.target === form && guarded(state, onSubmit)(event));
  }

  const each = (work) => states.forEach((state) => guarded(state, work)());
  const one = (form, work) => states.has(form) && guarded(states.get(form), work)();
  window.addEventListener("pagehide", () => each(leave));
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && each(leave));

  window.Leadline = {
    attach,
    grant() { granted = true; each(save); },
    step(form, step) {
      one(form, (state) => { state.step = Math.min(state.step || 3, step); return save(state); });
    },
    submit: (form) => one(form, finish),
  };

  function begin() {
    const form = document.querySelector(script.dataset.form || "form");
    if (form && script.dataset.formKey) attach(form);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();
