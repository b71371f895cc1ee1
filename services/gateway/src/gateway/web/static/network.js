// What the pages gain when scripts run. Every page works without this file.
(() => {
  "use strict";

  const LONGEST_SILENCE = 40_000; // the stream beats every 15 s; twice missed means the link is dead
  const FIRST_RETRY = 2_000;
  const LAST_RETRY = 30_000;

  // Menus close on Escape and on a click elsewhere.
  const openMenus = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of openMenus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // A form is sent once, however often an impatient hand presses the button on a slow link.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-disabled", "true");
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      form.querySelectorAll("[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
    }
  });

  // An action that failed says so at once, and leaves the page as it was.
  const toast = document.getElementById("toast");
  const say = () => {
    if (!toast) return;
    toast.hidden = false;
    toast.querySelector("p").textContent = toast.dataset.words;
  };
  document.addEventListener("htmx:response:error", (event) => {
    if (event.target.id !== "stream") say();
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.target.id !== "stream") say();
  });
  document.addEventListener("htmx:before:request", (event) => {
    if (toast && event.target.id !== "stream") toast.hidden = true;
  });

  // Whoever pressed a button that is gone after the swap stays at its item.
  let pressed = null;
  document.addEventListener("htmx:before:request", (event) => {
    pressed = event.target.closest("li.item")?.id ?? pressed;
  });
  const stayThere = () => {
    if (document.activeElement !== document.body || !pressed) return;
    document.getElementById(pressed)?.querySelector("a, button")?.focus();
  };
  document.addEventListener("htmx:after:swap", stayThere);

  const stream = document.getElementById("stream");
  if (!stream || !window.htmx) return;

  // An item that is on the page is replaced where it stands; one that is new goes on top, if the filter wants it.
  const place = (list, item) => {
    const known = document.getElementById(item.id);
    if (known) {
      const held = known.contains(document.activeElement) && document.activeElement;
      known.replaceWith(item);
      if (held) (document.getElementById(held.id) ?? item.querySelector("a, button"))?.focus();
      return item;
    }
    if (item.dataset.fits !== "yes") return null;
    item.classList.add("arriving");
    list.prepend(item);
    document.getElementById("announcer").textContent = item.dataset.announce;
    return item;
  };
  htmx.registerExtension("inbox", {
    handle_swap: (style, target, fragment) => {
      if (style !== "place") return false;
      return [...fragment.querySelectorAll("li.item")].map((item) => place(target, item)).filter(Boolean);
    },
  });

  // The tab says what waits, as the page does when it is loaded.
  const unread = document.getElementById("unread-nav");
  const title = document.title.replace(/^\(\d+\) /, "");
  document.addEventListener("htmx:after:swap", () => {
    const waiting = unread.textContent.trim();
    document.title = waiting ? `(${waiting}) ${title}` : title;
  });

  // Whether the stream is open, shown and kept true.
  const state = document.getElementById("connection");
  let connection = null;
  let usualDelay = null;
  let silence = 0;
  let wait = FIRST_RETRY;
  const show = (name) => {
    if (state.dataset.state === name) return;
    state.hidden = false;
    state.dataset.state = name;
    state.textContent = state.dataset[name];
  };
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => connection?.reader?.cancel(), LONGEST_SILENCE);
  };
  stream.addEventListener("htmx:sse:after:connection", (event) => {
    connection = event.detail.connection;
    usualDelay ??= connection.config.reconnectDelay;
    connection.config.reconnectDelay = usualDelay;
    wait = FIRST_RETRY;
    show("live");
    heard();
  });
  stream.addEventListener("htmx:sse:before:message", heard);
  // A newer page took this one's place, and the server named a long delay: whoever looks at this one has it back at once.
  stream.addEventListener("gaveway", () => show("offline"));
  window.addEventListener("focus", () => connection?.delayCanceller?.());
  stream.addEventListener("htmx:sse:before:connection", (event) => {
    if (event.detail.connection.attempt > 0 && !document.hidden) show("offline");
  });
  stream.addEventListener("htmx:sse:error", (event) => {
    show("offline");
    // The session ended meanwhile: the page itself leads to the sign-in.
    if (event.detail.status === 401) location.reload();
  });
  // htmx reconnects a stream that once stood; one that never opened is ours to try again.
  const again = () => {
    if (stream._htmx?.sse) return;
    show("offline");
    setTimeout(() => htmx.trigger(stream, "retry"), wait);
    wait = Math.min(wait * 2, LAST_RETRY);
  };
  stream.addEventListener("htmx:finally:request", again);
  window.addEventListener("online", () => connection?.delayCanceller?.());
  window.addEventListener("offline", () => show("offline"));
})();
