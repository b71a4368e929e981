// Shows what is new on a phone without a reload. Everything else works without this.
"use strict";

(() => {
  const EVERY_MS = 1000;
  const address = document.body.dataset.refresh;
  const shown = new Map();
  for (const part of document.querySelectorAll("[data-live]")) shown.set(part.id, part.outerHTML);

  // What somebody has typed or opened stays when the part around it is replaced.
  function carry(from, to) {
    for (const field of from.querySelectorAll("input[id]")) {
      const same = to.querySelector("#" + CSS.escape(field.id));
      if (same && field.type !== "file") same.value = field.value;
    }
    const opened = [...from.querySelectorAll("details")].map((details) => details.open);
    to.querySelectorAll("details").forEach((details, n) => { details.open = Boolean(opened[n]); });
  }

  function replace(old, fresh) {
    const held = old.contains(document.activeElement) ? document.activeElement : null;
    const part = document.importNode(fresh, true);
    carry(old, part);
    old.replaceWith(part);
    if (!held) return;
    const again = held.id ? document.getElementById(held.id) : null;
    if (again) {
      again.focus({ preventScroll: true });
      if (held.tagName === "INPUT" && held.type === "text") {
        again.setSelectionRange(held.selectionStart, held.selectionEnd);
      }
    }
  }

  async function refresh() {
    if (document.hidden) return;
    const answer = await fetch(address, { cache: "no-store" });
    document.body.classList.toggle("gone", answer.status === 404);
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of fresh.querySelectorAll("[data-live]")) {
      const old = document.getElementById(part.id);
      if (old && shown.get(part.id) !== part.outerHTML) {
        shown.set(part.id, part.outerHTML);
        replace(old, part);
      }
    }
  }

  async function keepOn() {
    try {
      await refresh();
      document.body.classList.remove("lost");
    } catch {
      document.body.classList.add("lost");
    }
    setTimeout(keepOn, EVERY_MS);
  }

  setTimeout(keepOn, EVERY_MS);
})();
