// What pages gain from a script; all of them work without it.
"use strict";

// A page that waits for something: <main> parts with data-poll are fetched again, and replaced when they have changed.
for (const part of document.querySelectorAll("[data-poll]")) {
  const timer = setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(part.id);
      if (fresh && fresh.innerHTML !== part.innerHTML) part.innerHTML = fresh.innerHTML;
      if (fresh && !("poll" in fresh.dataset)) clearInterval(timer);
    } catch {
      // The server is restarting, or the network is away: the next round will tell.
    }
  }, Number(part.dataset.poll) * 1000);
}
