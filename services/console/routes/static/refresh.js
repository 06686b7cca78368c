// Replaces the page's main part with a fresh one every few seconds, unless nobody looks or text is being selected.
// The address says that this is no visit: a page that is left open does not keep its session alive.
"use strict";

const main = document.querySelector("main[data-refresh]");

async function refresh() {
  if (document.hidden || !document.getSelection().isCollapsed) return;
  const response = await fetch(`${location.pathname}?refresh=1`, { headers: { Accept: "text/html" } });
  if (response.redirected) {
    location.reload();
    return;
  }
  if (!response.ok) throw new Error(String(response.status));
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector("main");
  if (fresh && fresh.innerHTML !== main.innerHTML) main.replaceChildren(...fresh.childNodes);
}

async function keepFresh() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, Number(main.dataset.refresh)));
    try {
      await refresh();
      document.body.classList.remove("stale");
    } catch {
      document.body.classList.add("stale");
    }
  }
}

if (main) keepFresh();
