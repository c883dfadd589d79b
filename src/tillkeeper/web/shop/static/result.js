// Renew the page while something is under way. Without scripts, the browser reloads it instead.
(() => {
  "use strict";
  const address = location.pathname;
  const missesMax = 30;
  let misses = 0;

  const renew = async () => {
    const answer = await fetch(address, { cache: "no-store" });
    if (!answer.ok) throw new Error(`the page answered ${answer.status}`);
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const shown = document.getElementById("live");
    for (const open of shown.querySelectorAll("details[open]")) {
      next.getElementById(open.id)?.setAttribute("open", "");
    }
    shown.replaceWith(next.getElementById("live"));
    document.querySelector("footer").replaceWith(next.querySelector("footer"));
    document.title = next.title;
    document.getElementById("news").textContent = next.querySelector("h1").textContent.trim();
  };

  const look = async () => {
    try {
      const state = await (await fetch(`${address}/state`, { cache: "no-store" })).json();
      const shown = document.getElementById("live").dataset;
      if (state.version !== shown.version) await renew();
      misses = 0;
    } catch {
      misses += 1; // the server is being restarted, perhaps
    }
    const { watching, refreshSeconds } = document.getElementById("live").dataset;
    if (watching === "yes" && misses < missesMax) setTimeout(look, Number(refreshSeconds) * 1000);
  };

  setTimeout(look, 400);
})();
