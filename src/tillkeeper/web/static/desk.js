// What scripts add to the dashboard: dialogs in place, keys, copying, live news. Everything works without it.
(() => {
  "use strict";
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

  // Dialogs: htmx puts what is asked into the one dialog of the page; it is opened once it is there.
  const dialog = () => $("#dialog");
  document.addEventListener("htmx:after:swap", () => {
    const shown = dialog();
    if (shown && shown.childElementCount && !shown.open) shown.showModal();
    if (shown?.open && !shown.childElementCount) shown.close(), lost(); // whatever answered was not the dashboard
    $("[autofocus]", shown ?? document)?.focus();
  });
  document.addEventListener("click", (event) => {
    const closer = event.target.closest("[data-close]");
    if (closer?.closest("dialog")) {
      event.preventDefault();
      closer.closest("dialog").close();
    }
    if (event.target.closest("[data-dismiss]")) event.target.closest(".toast").remove();
    const copier = event.target.closest(".copy, [data-copy]");
    if (copier) copy(copier);
  });

  const copy = async (button) => {
    if (!navigator.clipboard) return alarm(UNCOPIED);
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("done");
    say("Copied.");
    setTimeout(() => button.classList.remove("done"), 1500);
  };
  const say = (words) => {
    const news = $("#news");
    if (news) news.textContent = words;
  };

  // Submitting twice is harmless, and looks so.
  let pressed = null;
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button && event.target.method === "post") setTimeout(() => ((pressed = button).disabled = true));
  });

  // What went wrong in the browser is said where somebody looks: in the dialog that is open, or on the page.
  const UNANSWERED =
    "No answer came. Look whether the server runs, and press again: however often you do, it is done once.";
  const UNCOPIED = "Browsers copy only from pages that come over https or from this machine. Mark it and copy it by hand.";
  const alarm = (words) => {
    $("#alarm")?.remove();
    const note = document.createElement("p");
    note.id = "alarm";
    note.className = "note danger";
    note.setAttribute("role", "alert");
    note.textContent = words;
    ($("dialog[open] .ask") ?? $("main"))?.prepend(note);
    note.scrollIntoView({ block: "nearest" });
  };
  // The button can be pressed again where no answer came: its form keeps its key.
  const lost = () => {
    if (pressed) pressed.disabled = false;
    alarm(UNANSWERED);
  };
  document.addEventListener("htmx:error", lost);

  // The drawer: ~ opens it beside the page and shuts it; as long as it is open, it follows to other pages.
  const OPEN = "till-drawer";
  const drawer = () => $("#drawer");
  const inspect = async (link, { focus }) => {
    const asked = { headers: { "HX-Request": "true", "HX-Target": "aside#drawer" } };
    const answer = await fetch(link.href, asked).catch(() => null);
    if (!answer) return lost();
    const found = $("#inspector", new DOMParser().parseFromString(await answer.text(), "text/html"));
    if (!link.isConnected) return; // the page has gone on, and the drawer with it
    if (!found) return void (location.href = link.href); // the page of it says why
    drawer().replaceChildren(found);
    drawer().hidden = false;
    link.setAttribute("aria-expanded", "true");
    sessionStorage.setItem(OPEN, "yes");
    if (focus) $("#inspector-title").focus();
  };
  const shut = () => {
    sessionStorage.removeItem(OPEN);
    drawer().hidden = true;
    drawer().replaceChildren();
    $("#inspect").setAttribute("aria-expanded", "false");
    $("#inspect").focus();
  };
  const toggle = () => (drawer().hidden ? inspect($("#inspect"), { focus: true }) : shut());
  const follow = () => {
    if ($("#inspect") && sessionStorage.getItem(OPEN)) inspect($("#inspect"), { focus: false });
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-shut]")) shut();
    if (!event.target.closest("#inspect") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    toggle();
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.target === document.body) follow();
  });
  follow();

  // Keys: / finds, g and a letter goes, j and k walk, Enter opens, ~ inspects, ? tells, Ctrl-K or ⌘K opens the palette.
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (typing(event.target) || $("dialog[open]")) return;
    if (event.key === "~" && $("#inspect")) return toggle(); // some keyboards write it with modifiers
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const place = Date.now() - going < 1200 && $(`.rail a[data-key="${CSS.escape(event.key)}"]`);
    going = event.key === "g" ? Date.now() : 0;
    if (place) place.click();
    else if (event.key === "/") event.preventDefault(), $("#find")?.focus();
    else if (event.key === "?") $("#keys")?.showModal();
    else if (event.key === "Escape" && drawer() && !drawer().hidden) shut();
    else if (event.key === "j" || event.key === "k") walk(event.key === "j" ? 1 : -1);
    else if (event.key === "Enter") $('tr[aria-selected="true"] a')?.click();
    else {
      // A row that was chosen comes before the rest of the page.
      const keyed = (each) => each.dataset.hotkey === event.key;
      const row = $('tr[aria-selected="true"]');
      press(all("[data-hotkey]", row ?? document).find(keyed) ?? all("[data-hotkey]").find(keyed));
    }
  });
  // A key may come before htmx has seen to a page that was just put in place; the link would then lead away.
  const press = (link, tries = 20) => {
    const ready = !link?.hasAttribute("hx-get") || link.hasAttribute("data-htmx-powered") || tries === 0;
    if (ready) link?.click();
    else setTimeout(() => press(link, tries - 1), 25);
  };
  const walk = (step) => {
    const rows = all("main .table tbody tr");
    const at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
    const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
    if (!next) return;
    rows[at]?.removeAttribute("aria-selected");
    next.setAttribute("aria-selected", "true");
    next.scrollIntoView({ block: "nearest" });
  };

  // The palette lists the places of the rail, and offers to look for whatever else was typed.
  const openPalette = () => {
    const palette = $("#palette");
    if (!palette || palette.open) return;
    const field = $("input", palette);
    field.value = "";
    list("");
    palette.showModal();
    field.focus();
  };
  const list = (words) => {
    const places = all(".rail a[data-key]").filter((each) => each.textContent.toLowerCase().includes(words.toLowerCase()));
    const rows = places.map((each) => {
      const row = document.createElement("li");
      const link = each.cloneNode(true);
      link.removeAttribute("aria-current");
      link.setAttribute("role", "option");
      const key = document.createElement("kbd");
      key.textContent = `g ${each.dataset.key}`;
      link.append(key);
      row.append(link);
      row.setAttribute("role", "presentation");
      return row;
    });
    $("#palette ul").replaceChildren(...rows);
    $("#palette ul a")?.setAttribute("aria-selected", "true");
  };
  document.addEventListener("input", (event) => {
    if (event.target.closest("#palette")) list(event.target.value.trim());
    if (event.target.closest("[data-all]")) all('input[name="chosen"]').forEach((each) => (each.checked = event.target.checked));
  });
  document.addEventListener("keydown", (event) => {
    if (!event.target.closest?.("#palette")) return;
    const links = all("#palette ul a");
    const at = links.findIndex((each) => each.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      links[at]?.removeAttribute("aria-selected");
      links[Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), links.length - 1)]?.setAttribute("aria-selected", "true");
    } else if (event.key === "Enter") {
      event.preventDefault();
      const words = event.target.value.trim();
      if (links[at]) location.href = links[at].href;
      else if (words) location.href = `/admin/search?q=${encodeURIComponent(words)}`;
    }
  });

  // News: one stream a tab, closed while nobody looks. New rows wait until they are asked for.
  let stream = null;
  let fresh = 0;
  const watch = () => {
    const wanted = $("[data-live]");
    if (!wanted || document.hidden) return;
    stream?.close();
    stream = new EventSource(`${wanted.dataset.live}?after=${wanted.dataset.seq}`);
    stream.onmessage = (event) => {
      const told = JSON.parse(event.data);
      const shown = $("[data-live]");
      if (!shown) return;
      shown.dataset.seq = event.lastEventId;
      const kinds = (shown.dataset.kinds ?? "").split(" ");
      const counted = told.types.filter((type) => kinds.some((kind) => type.startsWith(kind))).length;
      const about = !shown.dataset.payment || told.payments.includes(shown.dataset.payment);
      if (!told.much && !(counted && about)) return;
      fresh += told.much ? Infinity : counted;
      const words = fresh === Infinity ? "Much is new" : `${fresh} new`;
      const button = $("#fresh");
      button.hidden = false;
      $("span", button).textContent = words;
      say(words);
    };
    stream.addEventListener("over", () => location.reload());
  };
  const rest = () => {
    stream?.close();
    stream = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : watch()));
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.target === document.body) rest(), (fresh = 0), watch();
  });
  window.addEventListener("pagehide", rest);
  watch();
})();
