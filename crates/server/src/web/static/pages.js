// What pages gain from a script; all of them work without it.
"use strict";

// Moments as the clock on the wall here shows them. Without this they are in UTC, and say so.
function localise(part) {
  const two = (number) => String(number).padStart(2, "0");
  for (const time of part.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (time.title || isNaN(at)) continue;
    time.title = time.textContent;
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    time.textContent = `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
  }
}
localise(document);

// Buttons that copy what is to be typed elsewhere.
function copy(code, said) {
  const done = () => {
    said.textContent = "Copied";
    setTimeout(() => (said.textContent = ""), 3000);
  };
  const byHand = () => {
    // Browsers allow the new way only where the connection is safe.
    getSelection().selectAllChildren(code);
    if (document.execCommand("copy")) done();
  };
  if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, byHand);
  else byHand();
}
for (const code of document.querySelectorAll("code.copy")) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet copier", textContent: "Copy" });
  const about = Object.assign(document.createElement("span"), { className: "hidden", textContent: ` ${code.textContent.slice(0, 40)}` });
  const said = Object.assign(document.createElement("span"), { className: "copied" });
  said.setAttribute("role", "status");
  button.append(about);
  button.addEventListener("click", () => copy(code, said));
  code.after(button, said);
}

// A page that waits for something: <main> parts with data-poll are fetched again, and replaced when they have changed.
for (const part of document.querySelectorAll("[data-poll]")) {
  const timer = setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(part.id);
      if (!fresh) return;
      localise(fresh);
      if (fresh.innerHTML !== part.innerHTML) part.innerHTML = fresh.innerHTML;
      if (!("poll" in fresh.dataset)) clearInterval(timer);
    } catch {
      // The server is restarting, or the network is away: the next round will tell.
    }
  }, Number(part.dataset.poll) * 1000);
}
