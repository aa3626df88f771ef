// The clock of a server: a viewer's own may be wrong by hours, and times that are left would be, too.

/** By how much servers' clocks are ahead, in milliseconds, by their addresses. @type {Map<string, number>} */
const skews = new Map();

/**
 * A function that tells the time of a server in milliseconds, and until that is known the browser's.
 *
 * @param {string} server
 */
export function clockOf(server) {
  if (!skews.has(server)) {
    skews.set(server, 0);
    ask(server);
  }
  return () => Date.now() + (skews.get(server) ?? 0);
}

/** @param {string} server */
async function ask(server) {
  const sent = Date.now();
  try {
    const answer = await fetch(`${server}/embed.js`, { method: "HEAD", cache: "no-store" });
    const date = Date.parse(answer.headers.get("Date") ?? "");
    // Whole seconds: it was half of one later on average.
    if (Number.isFinite(date)) skews.set(server, date + 500 - (sent + Date.now()) / 2);
  } catch {
    skews.delete(server); // The next element asks again.
  }
}
