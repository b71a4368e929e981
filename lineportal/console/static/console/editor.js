// The editor without a round trip: counts while one types, rows added, removed and moved in place.
// Everything here has a button or a page of its own that works without script.
"use strict";
(() => {
  const form = document.getElementById("editor");
  if (!form) return;
  const lines = document.getElementById("lines");
  const items = document.getElementById("items");
  const most = Number(items.dataset.most);
  // As templates_app/content.py has it; lengths in JavaScript are UTF-16 units, as LINE counts.
  const PLACEHOLDER = /\{\{\s*([^{}\s](?:[^{}]{0,58}[^{}\s])?)\s*\}\}/gu;
  const used = (text) => text.replace(PLACEHOLDER, "").length;
  let made = 0;

  function show(count, n, limit) {
    count.firstElementChild.textContent = String(n);
    count.classList.toggle("lp-over", n > limit);
  }

  function recount() {
    for (const count of form.querySelectorAll("[data-count]")) {
      const control = document.getElementById(count.dataset.count);
      show(count, used(control.value), Number(count.dataset.limit));
    }
    const rows = [...lines.children];
    const filled = rows.filter((row) =>
      [...row.querySelectorAll("input, textarea")].some((each) => each.value.trim() && each.offsetParent),
    );
    show(document.getElementById("items-count"), filled.length, most);
    items.querySelector('[data-act="add"]').hidden = rows.length >= most;
    rows.forEach((row, n) => {
      row.setAttribute("aria-label", row.getAttribute("aria-label").replace(/\d+$/, n + 1));
    });
  }

  function changed() {
    recount();
    form.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function add() {
    const row = document.getElementById("blank-line").content.firstElementChild.cloneNode(true);
    made += 1;
    for (const each of row.querySelectorAll("[id], [for], [data-count]")) {
      for (const name of ["id", "for", "data-count"]) {
        const value = each.getAttribute(name);
        if (value) each.setAttribute(name, value.replace(/--1$/, `-new${made}`));
      }
    }
    lines.append(row);
    [...row.querySelectorAll("input, textarea")].find((each) => each.offsetParent)?.focus();
  }

  const acts = {
    add,
    remove(row) {
      const next = row.nextElementSibling || row.previousElementSibling;
      row.remove();
      if (!lines.children.length) add();
      (next?.querySelector('[data-act="remove"]') || items.querySelector('[data-act="add"]')).focus();
    },
    up: (row) => row.previousElementSibling?.before(row),
    down: (row) => row.nextElementSibling?.after(row),
  };

  items.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (!button) return;
    event.preventDefault();
    acts[button.dataset.act](button.closest("[data-line]"));
    if (button.isConnected && button.dataset.act !== "add") button.focus();
    changed();
  });

  const file = document.getElementById("f-flex_file");
  file.hasChangeListener = true; // else the theme writes the file's name into the first text field
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    const isTooBig = Boolean(chosen) && chosen.size > Number(file.dataset.most);
    document.getElementById("flex-too-big").hidden = !isTooBig;
    if (isTooBig) file.value = "";
    if (!chosen || isTooBig) return;
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await chosen.arrayBuffer());
      document.getElementById("f-flex").value = text;
      file.value = "";
      changed();
    } catch {
      // Not UTF-8: the file stays chosen, and the server says what is wrong with it.
    }
  });

  form.addEventListener("input", recount);
  form.addEventListener("change", recount);
  recount();
})();
