// The page of one run: rendered by the server, and read anew when something happens to one of its jobs.

import { base } from "chef/base.js";
import { Chip } from "chef/chip.js";
import { followProjects } from "chef/connection.js";
import { DelayedCall } from "chef/delayed-call.js";
import { byId, everySecond, live, setText, setWhen } from "chef/dom.js";
import { addKeys } from "chef/keys.js";
import { texts } from "chef/texts.js";

/** @import { ListPage } from "chef/connection-state.js" */

const RENEW_MS = 700;
// While it runs its bars grow, and silent jobs become so without an event.
const GROW_MS = 5_000;
const MOST_STRANGERS = 5_000;

const { projectId = "" } = live;
const chip = new Chip();
const renewing = new DelayedCall(() => renew().catch(() => renewing.after(RENEW_MS)));
/** Jobs of other runs, by what was last heard of them. @type {Set<string>} */
const strangers = new Set();

/** @type {ListPage} */
const page = {
  showConnection: (state) => chip.show(state),
  showSilence: (isSilent) => {
    chip.silent = isSilent;
  },
  receive(name, event) {
    if ("at" in event) chip.updatedAt = Date.parse(event.at);
    if (isMember(event.jobId) || name.endsWith(":removed")) return renewing.after(RENEW_MS);
    if (strangers.has(event.jobId)) return;
    if (strangers.size >= MOST_STRANGERS) strangers.clear();
    strangers.add(event.jobId);
    renewing.after(RENEW_MS);
  },
  refresh: renew,
};

const view = () => byId("run-view");

/** @param {string} jobId */
function isMember(jobId) {
  return (view().dataset.members ?? "").split(" ").includes(jobId);
}

async function renew() {
  const answer = await fetch(`${location.pathname}?part=1`, {
    headers: { Accept: "text/html" },
    signal: AbortSignal.timeout(20_000),
  });
  if (!answer.ok && answer.status !== 404) throw new Error(`the server answered ${answer.status}`);
  const read = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("run-view");
  if (read) replace(document.importNode(read, true));
}

/** @param {HTMLElement} next */
function replace(next) {
  const before = view();
  const focused = before.contains(document.activeElement) ? document.activeElement : null;
  const isOpen = before.querySelector("details")?.open ?? false;
  next.querySelector("details")?.toggleAttribute("open", isOpen);
  const selection = getSelection();
  // Text that somebody is selecting stays until that is done.
  if (selection && !selection.isCollapsed && before.contains(selection.anchorNode)) {
    return renewing.after(GROW_MS);
  }
  const said = before.dataset.word;
  before.replaceWith(next);
  showTimes();
  showTab(next);
  if (said && said !== next.dataset.word) setText(byId("run-said"), next.dataset.word ?? "");
  if (focused) sameElement(next, focused)?.focus({ preventScroll: true });
}

/**
 * The element that stands for another one in a newer view.
 *
 * @param {HTMLElement} next
 * @param {Element} element
 * @returns {HTMLElement | undefined}
 */
function sameElement(next, element) {
  const all = /** @type {HTMLElement[]} */ ([...next.querySelectorAll(`${element.tagName}`)]);
  return all.find(
    (one) =>
      one.getAttribute("href") === element.getAttribute("href") &&
      one.parentElement?.tagName === element.parentElement?.tagName,
  );
}

/** @param {HTMLElement} shown */
function showTab({ dataset }) {
  if (!dataset.word) return;
  document.title = `${dataset.word} · ${dataset.title} · Chef`;
  byId("favicon", HTMLLinkElement).href = `/favicon.svg?status=${dataset.status}`;
}

function showTimes() {
  for (const time of view().querySelectorAll("time")) setWhen(time, time.dateTime);
}

everySecond(() => {
  chip.tick();
  showTimes();
});
setInterval(() => {
  if (!document.hidden && view().dataset.ended !== "yes") renewing.after(RENEW_MS);
}, GROW_MS);
addKeys({
  name: "project",
  key: "u",
  description: texts.keys.runProject,
  handler: () => location.assign(`${base}/projects/${encodeURIComponent(projectId)}`),
});
followProjects([projectId], page);
