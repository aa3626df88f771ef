// The wall: tiles that the server renders, read anew when something happens. It keeps nothing, and so is open for days.

import { Chip } from "chef/chip.js";
import { followProjects } from "chef/connection.js";
import { DelayedCall } from "chef/delayed-call.js";
import { byId, everySecond, live, setText, setWhen } from "chef/dom.js";
import { texts } from "chef/texts.js";

const RENEW_MS = 1_000;
// New projects announce themselves to nobody, and silent jobs become so without an event.
const LOOK_MS = 10_000;
// A smaller tile cannot be read from afar, in pixels.
const LEAST_WIDTH = 190;
const LEAST_HEIGHT = 110;

const chip = new Chip();
const renewing = new DelayedCall(() => renew().catch(() => renewing.after(RENEW_MS)));
const connection = followProjects(projectIds(), {
  showConnection: (state) => chip.show(state),
  showSilence: (isSilent) => {
    chip.silent = isSilent;
  },
  receive(_name, event) {
    if ("at" in event) chip.updatedAt = Date.parse(event.at);
    renewing.after(RENEW_MS);
  },
  refresh: renew,
});

function projectIds() {
  const ids = (byId("tiles").dataset.projects ?? "").split(" ").filter(Boolean);
  return live.projectId ? [live.projectId] : ids;
}

async function renew() {
  const query = new URLSearchParams(location.search);
  query.set("part", "1");
  const answer = await fetch(`/wall?${query}`, { signal: AbortSignal.timeout(20_000) });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const read = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("tiles");
  if (!read) return;
  const before = byId("tiles");
  const focused = before.contains(document.activeElement) ? document.activeElement : null;
  before.replaceWith(document.importNode(read, true));
  fit();
  const links = [...byId("tiles").querySelectorAll("a")];
  links
    .find((one) => one.getAttribute("href") === focused?.getAttribute("href"))
    ?.focus({ preventScroll: true });
  (await connection).add(projectIds());
}

/** As many columns as make the tiles largest; those that have no place are counted. */
function fit() {
  const list = byId("tiles");
  const tiles = /** @type {HTMLElement[]} */ ([...list.querySelectorAll(".tile")]);
  const { clientWidth: width, clientHeight: height } = list;
  const most = Math.max(1, Math.floor(width / LEAST_WIDTH)) * Math.max(1, Math.floor(height / LEAST_HEIGHT));
  const count = Math.min(tiles.length, most);
  let [columns, side] = [1, 0];
  for (let some = 1; some <= Math.max(1, Math.floor(width / LEAST_WIDTH)); some++) {
    const fits = Math.min(width / some, (height / Math.ceil(count / some)) * 1.8);
    if (fits > side) [columns, side] = [some, fits];
  }
  list.style.setProperty("--columns", String(columns));
  list.style.setProperty("--size", `${Math.max(15, side / 11)}px`);
  for (const [index, tile] of tiles.entries()) tile.hidden = index >= count;
  byId("wall-more").hidden = tiles.length === count;
  setText(byId("wall-more"), texts.moreTiles(tiles.length - count));
}

everySecond(() => {
  chip.tick();
  for (const time of byId("tiles").querySelectorAll("time")) setWhen(time, time.dateTime);
});
setInterval(() => renewing.after(RENEW_MS), LOOK_MS);
addEventListener("resize", fit);
fit();
