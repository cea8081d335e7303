/* What the room and the list of rooms share: words for moments in the reader's zone, and one quiet bar for troubles. */
"use strict";

const Page = (() => {
  const language = document.documentElement.lang || undefined;
  // English words, but the clock that the reader is used to.
  const { hourCycle } = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
  const format = (options) => new Intl.DateTimeFormat(language, options);
  const clock = format({ hour: "numeric", minute: "2-digit", hourCycle });
  const weekday = format({ weekday: "long" });
  const date = format({ day: "numeric", month: "long" });
  const dateAndYear = format({ day: "numeric", month: "long", year: "numeric" });
  const exact = format({ dateStyle: "full", timeStyle: "long", hourCycle });

  function daysAgo(moment) {
    const midnight = (when) => new Date(when.getFullYear(), when.getMonth(), when.getDate());
    // Rounded, because a day on which the clocks change has 23 or 25 hours.
    return Math.round((midnight(new Date()) - midnight(moment)) / 86_400_000);
  }

  function wordDay(moment) {
    const ago = daysAgo(moment);
    if (ago === 0) return "Today";
    if (ago === 1) return "Yesterday";
    if (ago > 1 && ago < 7) return weekday.format(moment);
    return (moment.getFullYear() === new Date().getFullYear() ? date : dateAndYear).format(moment);
  }

  /* For a narrow list, where a line for each day would be more lines than rows. */
  function wordSpan(moment) {
    const ago = daysAgo(moment);
    if (ago < 2) return wordDay(moment);
    return ago < 8 ? "Past week" : "Earlier";
  }

  function wordMoment(moment, short) {
    if (short) return clock.format(moment);
    const day = wordDay(moment);
    return `${day === "Today" || day === "Yesterday" ? day.toLowerCase() : day} ${clock.format(moment)}`;
  }

  function wordTimes(root = document) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      time.textContent = wordMoment(moment, "short" in time.dataset);
      time.title = exact.format(moment);
    }
  }

  /* Names the day above the first row of each; a list that is all of today needs no such line. */
  function markDays(list) {
    const rows = [...list.children].filter((row) => row.dataset.moment);
    const days = rows.map((row) => ("coarse" in list.dataset ? wordSpan : wordDay)(new Date(row.dataset.moment)));
    const plain = days.every((day) => day === "Today");
    rows.forEach((row, index) => {
      if (plain || days[index] === days[index - 1]) delete row.dataset.day;
      else row.dataset.day = days[index];
    });
  }

  const bar = document.getElementById("bar");
  let topic = "";

  /* One bar for all troubles. `about` lets whoever raised it take it back, and nobody else's. */
  function say(about, words, link) {
    topic = about;
    bar.querySelector("span").textContent = words;
    const anchor = bar.querySelector("a");
    anchor.hidden = !link;
    if (link) [anchor.href, anchor.textContent] = [link.href, link.words];
    bar.hidden = false;
  }

  function unsay(about) {
    if (topic === about) bar.hidden = true;
  }

  const RELOAD = { href: location.href, words: "Reload" };
  const BY_STATUS = {
    0: ["No connection to the site. Nothing is lost: try again when it is back."],
    403: ["This was refused. If you signed in again or your role changed, reload the page.", RELOAD],
    404: ["This is no longer there. Reload to see how things stand.", RELOAD],
    409: ["Things have changed in the meantime. Reload to see how they stand.", RELOAD],
    413: ["This is too large to send. Send it in parts."],
    429: ["Too much at once. Wait a moment, then try again."],
  };

  /* The server's own sentence where it sent one. */
  function sentenceIn(response) {
    const kind = response.getResponseHeader("Content-Type") || "";
    if (kind.includes("json")) {
      try {
        return JSON.parse(response.responseText).error || "";
      } catch {
        return "";
      }
    }
    if (!kind.includes("html")) return "";
    const found = new DOMParser().parseFromString(response.responseText, "text/html").querySelector("[role='alert'], .errorlist");
    return found ? found.textContent.trim() : "";
  }

  function explain(response) {
    const [words, link] = BY_STATUS[response.status] || ["Something went wrong on our side. Nothing is lost: try again in a moment."];
    const own = response.status ? sentenceIn(response) : "";
    say("command", own || words, link);
  }

  if (bar) bar.querySelector("button").addEventListener("click", () => { bar.hidden = true; });
  document.addEventListener("htmx:responseError", (event) => explain(event.detail.xhr));
  document.addEventListener("htmx:sendError", () => explain({ status: 0 }));
  document.addEventListener("htmx:timeout", () => explain({ status: 0 }));
  document.addEventListener("htmx:beforeRequest", () => unsay("command"));

  /* A menu closes as one expects: by Escape and by a click elsewhere. */
  function closeMenus(except) {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
  }
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    const menu = document.querySelector("details.menu[open]");
    if (event.key !== "Escape" || !menu) return;
    event.stopImmediatePropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  wordTimes();
  for (const list of document.querySelectorAll(".by-day")) markDays(list);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    wordTimes();
    for (const list of document.querySelectorAll(".by-day")) markDays(list);
  });

  return { wordTimes, markDays, say, unsay };
})();
