// The document of a page. Text is only ever set as text.

import { age } from "chef/format.js";
import { localTime } from "chef/i18n.js";
import { expected, field, setText } from "chef/nodes.js";
import { pageData } from "chef/page-data.js";
import { texts } from "chef/texts.js";

export { arrange, expected, field, setText, within } from "chef/nodes.js";

/** @import { Interval, Job } from "chef/state.js" */

/**
 * The state in which the server rendered a page, and from which its live part goes on (chef/pages/routes.py).
 * `now` is the server's clock. The job's page has `jobId`, `job` and `epoch`, the lists the rest.
 *
 * @typedef {object} Live
 * @property {string} now
 * @property {"socket" | "stream"} transport
 * @property {string} jobId
 * @property {Job | null} job
 * @property {string} epoch
 * @property {Record<string, Interval>} [usualPhases] usual durations of the job's phases
 * @property {string} [projectId]
 * @property {string} [run]
 * @property {Record<string, string>} [filter] what the page's list is limited to
 * @property {boolean} [isNewest]
 * @property {"open" | "token" | "sign-in" | null} [control] whether buttons that write are offered (chef/pages/controls.py)
 * @property {string} [level] of a share link: `progress`, `summary` or `log`
 */

/** @type {Live} */
export const live = pageData("live");

// By the server's clock: the viewer's may be wrong by hours.
const skew = Date.parse(live.now) - Date.now();

/** Now in milliseconds, by the server's clock. */
export function now() {
  return Date.now() + skew;
}

/**
 * The element with an id, which the page's template has.
 *
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 */
export function byId(id, kind) {
  return expected(document.getElementById(id), kind);
}

/**
 * A copy of a template's one element.
 *
 * @param {string} id
 */
export function clone(id) {
  const { firstElementChild } = byId(id, HTMLTemplateElement).content;
  return expected(/** @type {Element | null} */ (firstElementChild?.cloneNode(true) ?? null));
}

/**
 * Have a link lead to a line of the log; where there is no line, its content stays without the link.
 *
 * @param {HTMLAnchorElement} link
 * @param {number | null | undefined} line
 */
export function linkToLine(link, line) {
  if (line) link.href = `#L${line}`;
  else link.replaceWith(...link.childNodes);
}

/**
 * A line of the log that is quoted somewhere else, with its number, which leads there.
 *
 * @param {{ line: number, text: string }} line
 */
export function excerptLine({ line, text }) {
  const item = clone("excerpt-line-template");
  const link = field(item, "link", HTMLAnchorElement);
  link.href = `#L${line}`;
  link.textContent = String(line);
  field(item, "text").textContent = text;
  return item;
}

/**
 * @param {ParentNode} root
 * @param {string} status
 */
export function setIcon(root, status) {
  const href = `#i-${status || "waiting"}`;
  const icon = field(root, "icon", SVGUseElement);
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
}

/**
 * The moments that are shown in local time already: the server renders them in UTC.
 *
 * @type {WeakMap<HTMLTimeElement, string>}
 */
const localTimes = new WeakMap();

/**
 * Show a moment as its age; the exact local time is the tooltip.
 *
 * @param {HTMLTimeElement} element
 * @param {string | null} at
 */
export function setWhen(element, at) {
  if (!at) return;
  if (localTimes.get(element) !== at) {
    localTimes.set(element, at);
    element.dateTime = at;
    element.title = localTime(at);
  }
  const past = now() - Date.parse(at);
  setText(element, past < 5000 ? texts.justNow : texts.ago(age(past)));
}

/**
 * Let the keyboard reach elements that scroll, being too long for their places, where nothing in them can be reached.
 *
 * @param {HTMLElement[]} elements
 */
export function keepInReach(elements) {
  for (const element of elements) {
    const scrolls = element.scrollHeight > element.clientHeight + 1;
    if (scrolls && !element.querySelector("a[href]")) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
}

/**
 * Call `tick` now and every second.
 *
 * @param {() => void} tick
 */
export function everySecond(tick) {
  tick();
  setInterval(tick, 1000);
}

/** The address where somebody without a valid token signs in. */
export function loginUrl() {
  return `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
}
