/* The list of rooms: a deleted one leaves a line behind in which it can be brought back for a while. */
"use strict";

(() => {
  function takeAway(row) {
    const undo = row.querySelector(".room-restore");
    row.dataset.state = "deleted";
    undo.hidden = false;
    undo.querySelector("button").focus();
    row.timer = setTimeout(() => {
      const hadFocus = row.contains(document.activeElement);
      const next = row.nextElementSibling || row.previousElementSibling;
      row.remove();
      if (hadFocus && next) next.querySelector("a").focus();
      for (const list of document.querySelectorAll(".by-day")) Page.markDays(list);
    }, Number(undo.dataset.expires) * 1000);
  }

  function bringBack(row) {
    clearTimeout(row.timer);
    delete row.dataset.state;
    row.querySelector(".room-restore").hidden = true;
    row.querySelector("a").focus();
  }

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr.status !== 204) return;
    const form = event.detail.elt;
    const row = form.closest(".room-row");
    if (form.dataset.act === "delete") takeAway(row);
    if (form.dataset.act === "restore") bringBack(row);
  });

  for (const bar of document.querySelectorAll("form.bar[data-expires]")) {
    setTimeout(() => bar.remove(), Number(bar.dataset.expires) * 1000);
  }
})();
