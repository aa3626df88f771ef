// The log over the whole window: the page's head and side give it their room.

// A page that shows no log has no button for it.
const button = document.getElementById("log-whole");

export function toggleWhole() {
  showWhole(!document.body.hasAttribute("data-whole-log"));
}

/** Leave the whole-screen log; returns whether it was on. */
export function leaveWhole() {
  const isOn = document.body.hasAttribute("data-whole-log");
  if (isOn) showWhole(false);
  return isOn;
}

/** @param {boolean} isWhole */
function showWhole(isWhole) {
  document.body.toggleAttribute("data-whole-log", isWhole);
  button?.setAttribute("aria-pressed", String(isWhole));
}

button?.addEventListener("click", toggleWhole);
