// Follow what happens, and renew those parts of the page that have changed. Without scripts, the browser reloads it.
(() => {
  "use strict";
  const missesMax = 30;
  const address = new URL(location.href);
  address.searchParams.delete("did");
  const root = () => document.querySelector("[data-live]");
  const regions = (page) => page.querySelectorAll("[data-region]");
  const shown = new Map([...regions(document)].map((region) => [region.id, region.outerHTML]));
  let misses = 0;
  let timer;

  const replace = (old, fresh) => {
    for (const open of old.querySelectorAll("details[open]")) {
      fresh.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
    }
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceWith(fresh);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  const renew = async () => {
    const answer = await fetch(address, { cache: "no-store" });
    if (!answer.ok) throw new Error(`the page answered ${answer.status}`);
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const fresh of regions(next)) {
      const html = fresh.outerHTML;
      const old = document.getElementById(fresh.id);
      if (!old || shown.get(fresh.id) === html) continue;
      shown.set(fresh.id, html);
      replace(old, fresh);
    }
    Object.assign(root().dataset, next.querySelector("[data-live]").dataset);
    document.title = next.title;
    const told = next.querySelector("[data-news], .outcome h1")?.textContent.trim() ?? "";
    const news = document.getElementById("news");
    if (news.textContent !== told) news.textContent = told;
  };

  const look = async () => {
    clearTimeout(timer);
    if (document.hidden) return; // it looks again as soon as somebody does
    const { live } = root().dataset;
    try {
      const answer = await fetch(live, { cache: "no-store" });
      if (!answer.ok) throw new Error(`the state answered ${answer.status}`);
      if ((await answer.json()).version !== root().dataset.version) await renew();
      misses = 0;
    } catch {
      misses += 1; // the server is being restarted, perhaps
    }
    const { watching, refreshSeconds } = root().dataset;
    if (misses >= missesMax) document.querySelector("#following").textContent = "Nothing answers any more. Reload this page to go on.";
    else if (watching === "yes") timer = setTimeout(look, Number(refreshSeconds) * 1000);
  };

  document.addEventListener("visibilitychange", look);
  timer = setTimeout(look, 400);
})();
