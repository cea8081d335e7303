/* The room in the browser: hears what changed, puts it in its place, and sends what its reader asks.

   Commands are htmx posts that answer 204; what comes of them arrives as fragments, by the socket or, while there is
   none, by asking /since/N. Fragments are the same for every viewer: what is one's own is marked here and in the CSS. */
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const log = byId("log");
  const scroller = document.querySelector(".log-scroll");
  const composer = byId("composer");
  const field = composer.elements.text;
  const me = document.body.dataset.me;
  const room = log.dataset.room;
  const atEnd = log.dataset.last === "end";
  const reach = { first: Number(log.dataset.first), last: atEnd ? "end" : Number(log.dataset.last) };
  let revision = Number(log.dataset.revision);

  /* ---- Reading position: it follows the end only while the reader is there */

  const pill = byId("pill");
  let following = true;
  let unread = 0;
  let lastTop = 0;

  const distance = () => scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;

  function toEnd() {
    scroller.scrollTop = scroller.scrollHeight;
    following = true;
    unread = 0;
    pill.hidden = true;
  }

  function noteScroll() {
    // Only a movement upwards lets go. Text that grows also takes the end out of sight, without anybody's doing.
    if (distance() < 24) {
      following = true;
      unread = 0;
      if (atEnd) pill.hidden = true;
    } else if (scroller.scrollTop < lastTop) {
      following = false;
    }
    lastTop = scroller.scrollTop;
  }

  function showPill(count) {
    pill.querySelector("span").textContent = count === 1 ? "1 new message" : `${count} new messages`;
    pill.hidden = false;
  }

  scroller.addEventListener("scroll", noteScroll, { passive: true });
  pill.addEventListener("click", () => {
    if (atEnd) toEnd();
    else location.assign(location.pathname);
  });
  const keepEnd = new ResizeObserver(() => { if (following && atEnd) scroller.scrollTop = scroller.scrollHeight; });
  keepEnd.observe(scroller);
  keepEnd.observe(scroller.firstElementChild);

  /* ---- What is one's own, and what belongs together */

  const SAME_HEAD = 10 * 60 * 1000;

  function shareHead(message, before) {
    return Boolean(before)
      && message.dataset.kind === "speech" && before.dataset.kind === "speech"
      && message.dataset.state !== "deleted" && before.dataset.state !== "deleted"
      && message.dataset.author === before.dataset.author
      && new Date(message.dataset.moment) - new Date(before.dataset.moment) < SAME_HEAD;
  }

  function markMessages() {
    Page.markDays(log);
    let before = null;
    for (const message of log.children) {
      message.toggleAttribute("data-own", message.dataset.author === me);
      message.classList.toggle("follows", !message.dataset.day && shareHead(message, before));
      before = message;
    }
  }

  function fillModels(root) {
    const known = byId("models").content;
    for (const select of root.querySelectorAll("select[data-fill='models']")) {
      for (const option of known.querySelectorAll("option")) {
        if (option.value !== select.value) select.append(option.cloneNode(true));
      }
    }
  }

  function readHead() {
    const { title, policy, turns } = byId("room-head").dataset;
    document.title = `${title || "Untitled"} · Chimera`;
    const settings = byId("settings");
    if (settings.matches(":popover-open")) return; // never write over what is being chosen
    byId("rename").elements.title.value = title;
    byId("policy").elements.policy.value = policy;
    byId("policy").elements.turns.value = turns;
  }

  function countParticipants() {
    document.querySelector(".open-side .count").textContent = byId("participants").dataset.count;
  }

  function expireUndo(root) {
    for (const button of root.querySelectorAll("[data-undo]")) {
      setTimeout(() => button.remove(), Number(button.dataset.undo) * 1000);
    }
  }

  /* Time is counted from the seconds the server gave, so that two clocks need not agree. */
  function countFrom(root) {
    for (const span of root.querySelectorAll("[data-elapsed]")) {
      span.since = performance.now() - Number(span.dataset.elapsed) * 1000;
    }
  }

  function showElapsed() {
    for (const span of document.querySelectorAll("[data-elapsed]")) {
      const seconds = Math.floor((performance.now() - span.since) / 1000);
      if (seconds < 2) continue;
      const time = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
      span.textContent = span.dataset.of ? `waiting for ${span.dataset.of}, ${time}` : time;
    }
  }

  function dress(root) {
    Page.wordTimes(root);
    fillModels(root);
    expireUndo(root);
    countFrom(root);
  }

  /* ---- Spoken news: the start and the end of a reply, never its tokens */

  const ENDINGS = { complete: "has finished", stopped: "was stopped", interrupted: "was interrupted", failed: "could not answer" };

  function tell(words) {
    const line = document.createElement("span");
    line.textContent = words;
    const news = byId("announce");
    news.append(line);
    while (news.children.length > 3) news.firstElementChild.remove();
  }

  function announce(old, fresh) {
    const { name, state, kind, author } = fresh.dataset;
    const was = old ? old.dataset.state : "";
    if (kind !== "speech" || was === state) return;
    if (state === "streaming") tell(`${name} is speaking.`);
    else if (was === "streaming" || (!old && state === "failed")) tell(`${name} ${ENDINGS[state] || "has finished"}.`);
    else if (!old && author !== me) tell(`${name}: ${fresh.querySelector(".message-body")?.textContent.trim().slice(0, 300) ?? ""}`);
  }

  /* ---- Fragments find their place */

  function insertInOrder(fresh) {
    const place = Number(fresh.dataset.sequence);
    if (place < reach.first || (!atEnd && place > reach.last)) return false;
    let before = log.lastElementChild;
    while (before && Number(before.dataset.sequence) > place) before = before.previousElementSibling;
    if (before) before.after(fresh);
    else log.prepend(fresh);
    if (!following) showPill(++unread);
    return true;
  }

  /* A swap must not take the focus away: it goes to the same control of the new element, or to the element itself. */
  function replaceKeepingFocus(old, fresh) {
    const held = document.activeElement;
    const path = old.contains(held) && held !== old ? [...old.querySelectorAll(held.tagName)].indexOf(held) : -1;
    const hadFocus = old.contains(held);
    old.replaceWith(fresh);
    if (!hadFocus) return;
    const heir = path < 0 ? fresh : fresh.querySelectorAll(held.tagName)[path];
    (heir || (fresh.tabIndex === -1 && fresh.matches(".message") ? fresh : field)).focus({ preventScroll: true });
  }

  /* A poll reads stored text, which lags behind what an open socket has already shown. */
  function isOlderThanShown(old, fresh, polled) {
    return polled && socketIsOpen() && old?.dataset.state === "streaming"
      && fresh.dataset.state === "streaming" && fresh.dataset.version === old.dataset.version;
  }

  function placeOne(fresh, polled) {
    const old = byId(fresh.id);
    if (isOlderThanShown(old, fresh, polled)) return;
    if (old) replaceKeepingFocus(old, fresh);
    else if (!fresh.matches("li.message") || !insertInOrder(fresh)) return;
    if (fresh.matches("li.message")) announce(old, fresh);
    dress(fresh);
    htmx.process(fresh);
  }

  function place(html, polled = false) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    for (const fresh of [...holder.content.children]) placeOne(fresh, polled);
    markMessages();
    readHead();
    countParticipants();
    showElapsed();
  }

  let askedAgain = 0;

  /* Closed blocks are appended once, the open end is replaced. Offsets tell whether nothing was missed. */
  function applyReply({ version, base, next, closed, tail }) {
    const closedBox = byId(`closed-${version}`);
    if (!closedBox) return; // outside this page, or ended in the meantime
    const held = Number(closedBox.dataset.offset);
    if (held === base && base !== next) {
      closedBox.insertAdjacentHTML("beforeend", closed);
      closedBox.dataset.offset = next;
    } else if (held !== next) {
      if (performance.now() - askedAgain > 1000) hello();
      askedAgain = performance.now();
      return;
    }
    byId(`tail-${version}`).innerHTML = tail;
  }

  /* ---- The draft outlives a reload and a lost session */

  const draftKey = `chimera-draft-${room}`;

  function keepDraft() {
    try {
      if (field.value) sessionStorage.setItem(draftKey, field.value);
      else sessionStorage.removeItem(draftKey);
    } catch { /* storage may be off; the text is still in the field */ }
  }

  function reload() {
    let last = 0;
    try {
      last = Number(sessionStorage.getItem("chimera-reloaded"));
      sessionStorage.setItem("chimera-reloaded", String(Date.now()));
    } catch { /* then it cannot be known */ }
    if (Date.now() - last > 5000) location.reload();
    else Page.say("connection", "Much has changed here since this page was opened.", { href: location.href, words: "Reload" });
  }

  /* ---- Hearing: one frame format for socket and poll */

  function receive(frame, polled = false) {
    if (frame.reload) return reload();
    if (frame.html !== undefined && frame.revision >= revision) {
      revision = frame.revision;
      log.dataset.revision = revision;
      place(frame.html, polled);
    }
    if (frame.reply) applyReply(frame.reply);
    if (frame.pill && !(atEnd && following)) showPill(frame.pill);
  }

  const REFUSALS = {
    4401: ["You have been signed out. Your text is kept.", () => ({ href: `${log.dataset.login}?next=${encodeURIComponent(location.pathname)}`, words: "Sign in" })],
    4403: ["You are no longer in this conversation.", () => ({ href: "/", words: "To your conversations" })],
    4404: ["This conversation is no longer there.", () => ({ href: "/", words: "To your conversations" })],
    4400: ["This page and the server no longer understand each other.", () => ({ href: location.pathname, words: "Load it anew" })],
    4429: ["You have this open in too many places. Close some of them.", () => ({ href: location.pathname, words: "Try again" })],
  };
  let socket = null;
  let tries = 0;
  let retryTimer = 0;
  let refused = false;
  let lastFrame = 0;
  let alone = 0; // since when neither socket nor poll has been heard, or 0

  const socketIsOpen = () => socket !== null && socket.readyState === WebSocket.OPEN;

  function hello() {
    if (socketIsOpen()) socket.send(JSON.stringify({ hello: { revision, ...reach } }));
  }

  function refuse(code) {
    refused = true;
    const [words, link] = REFUSALS[code] || REFUSALS[4403];
    Page.say("connection", words, link());
  }

  function heard() {
    alone = 0;
    Page.unsay("connection");
  }

  function connect() {
    clearTimeout(retryTimer);
    if (refused || (socket && socket.readyState <= WebSocket.OPEN)) return;
    const fresh = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${log.dataset.socket}`);
    socket = fresh;
    const late = setTimeout(() => fresh.close(), 10_000);
    fresh.onopen = () => { clearTimeout(late); hello(); };
    fresh.onmessage = (event) => {
      tries = 0; // not at open: a server may accept and close again for ever
      lastFrame = performance.now();
      heard();
      receive(JSON.parse(event.data));
    };
    fresh.onclose = (event) => {
      clearTimeout(late);
      if (fresh !== socket) return;
      socket = null;
      if (event.code >= 4400 && event.code < 4500) refuse(event.code);
      else retryLater();
    };
  }

  /* Any other code is worth another try, a clean close too: servers restart, and some cut old sockets politely. */
  function retryLater() {
    const most = Math.min(30_000, 500 * 2 ** tries++);
    retryTimer = setTimeout(connect, 200 + Math.random() * most);
  }

  let polling = false;

  async function poll() {
    if (polling || refused) return;
    polling = true;
    const asked = revision;
    try {
      const query = new URLSearchParams(reach);
      const response = await fetch(`${log.dataset.since}${asked}/?${query}`, { headers: { Accept: "application/json" }, redirect: "manual", cache: "no-store" });
      if (response.type === "opaqueredirect" || response.status === 401) refuse(4401);
      else if (response.status === 403 || response.status === 404) refuse(4000 + response.status);
      else if (response.ok) {
        heard();
        receive(await response.json(), true);
      } else missed();
    } catch {
      missed();
    } finally {
      polling = false;
    }
  }

  function missed() {
    alone ||= performance.now();
    if (performance.now() - alone > 3000) Page.say("connection", "The connection is lost. It will come back by itself; nothing is lost.");
  }

  /* Back from sleep, another tab or a dead network: look at once. A socket can be dead without knowing it. */
  async function wake() {
    if (refused || document.hidden) return;
    if (!socketIsOpen()) {
      tries = 0;
      connect();
    }
    const known = revision;
    await poll();
    if (revision > known && socketIsOpen() && performance.now() - lastFrame > 5000) socket.close();
  }

  function everySecond() {
    showElapsed();
    if (!socketIsOpen() && !document.hidden && (everySecond.odd = !everySecond.odd)) poll();
  }

  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  addEventListener("pageshow", (event) => { if (event.persisted) wake(); });

  /* ---- Sending */

  /* One id for one text, however often it is tried; crypto.randomUUID exists on secure origins only. */
  const attempt = { text: null, id: "" };

  function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  function beginSending(event) {
    if (attempt.text !== field.value) Object.assign(attempt, { text: field.value, id: uuid() });
    event.detail.parameters.client_id = attempt.id;
  }

  /* Only what was accepted leaves the field; what was typed meanwhile stays. */
  function accepted() {
    if (attempt.text !== null && field.value.startsWith(attempt.text)) field.value = field.value.slice(attempt.text.length);
    attempt.text = null;
    byId("composer-errors").replaceChildren();
    keepDraft();
    grow();
    if (atEnd) toEnd();
    else location.assign(location.pathname);
  }

  function afterCommand({ detail: { elt, xhr } }) {
    if (xhr.status === 204) {
      if (elt === composer) accepted();
      if (elt === byId("rename")) byId("settings").hidePopover();
      if (!socketIsOpen()) poll();
    } else if (xhr.status === 200) {
      refuse(4401); // a command never answers 200: this is the sign-in page, after a redirect
    } else if (elt.matches?.(".participant-model, #policy")) {
      elt.reset();
    }
  }

  /* The composer's own errors stand above it; the words in the field are never replaced. */
  function beforeSwap({ detail }) {
    detail.shouldSwap = detail.requestConfig.elt === composer && detail.xhr.status === 422;
    if (detail.shouldSwap) detail.isError = false;
  }

  document.addEventListener("htmx:configRequest", (event) => { if (event.detail.elt === composer) beginSending(event); });
  document.addEventListener("htmx:beforeSwap", beforeSwap);
  document.addEventListener("htmx:afterRequest", afterCommand);

  /* ---- Keys */

  const touch = matchMedia("(pointer: coarse)");

  function grow() {
    if (CSS.supports("field-sizing", "content")) return;
    field.style.blockSize = "auto";
    field.style.blockSize = `${field.scrollHeight}px`;
  }

  function composerKey(event) {
    // Safari ends a composition before the Enter that ended it; the code 229 is all that tells it apart.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !touch.matches) {
      event.preventDefault();
      composer.requestSubmit();
    } else if (event.key === "ArrowUp" && !field.value && log.lastElementChild) {
      event.preventDefault();
      log.lastElementChild.focus();
    }
  }

  function logKey(event) {
    if (!event.target.matches(".log > .message")) return;
    const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
    if (!step) return;
    event.preventDefault();
    (event.target[step] || (event.key === "ArrowDown" ? field : event.target)).focus();
  }

  function escape(event) {
    if (event.key !== "Escape" || event.isComposing || document.querySelector(":popover-open")) return;
    const stop = byId("stop");
    if (stop && stop.checkVisibility()) stop.click();
    else if (log.contains(document.activeElement)) field.focus();
  }

  field.addEventListener("keydown", composerKey);
  field.addEventListener("input", () => { keepDraft(); grow(); });
  log.addEventListener("keydown", logKey);
  document.addEventListener("keydown", escape);

  /* ---- Small acts */

  async function copy(button) {
    const text = button.closest(".message").querySelector(".message-body")?.innerText ?? "";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // The clipboard is closed to pages on insecure origins; the old way still works there.
      const area = Object.assign(document.createElement("textarea"), { value: text, className: "sr-only" });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    tell("Copied.");
    button.lastChild.textContent = "Copied";
    setTimeout(() => { button.lastChild.textContent = "Copy"; }, 1500);
  }

  log.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act='copy']");
    if (button) copy(button);
  });

  /* Sheets belong to narrow windows; a wide one shows both lists for good. */
  function foldSheets() {
    for (const id of ["rooms", "side"]) if (byId(id).matches(":popover-open")) byId(id).hidePopover();
  }
  for (const query of ["(width >= 768px)", "(width >= 1200px)"]) matchMedia(query).addEventListener("change", foldSheets);

  /* Where the keyboard of a phone covers the page instead of shrinking it. */
  function fitKeyboard() {
    const hidden = innerHeight - visualViewport.height;
    document.documentElement.style.setProperty("--viewport", hidden > 80 ? `${visualViewport.height}px` : "100dvh");
    if (hidden > 80) scrollTo(0, 0);
  }
  if (touch.matches && window.visualViewport) visualViewport.addEventListener("resize", fitKeyboard);

  /* ---- Begin */

  try {
    field.value ||= sessionStorage.getItem(draftKey) || "";
  } catch { /* storage may be off */ }
  grow();
  dress(document);
  markMessages();
  showElapsed();
  if (!location.hash || location.hash === "#round") toEnd();
  if (!touch.matches && atEnd) field.focus({ preventScroll: true });
  setInterval(everySecond, 1000);
  connect();
})();
