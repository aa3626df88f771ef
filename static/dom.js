// The document of a page. Text is only ever set as text.

import { age } from "chef/format.js";
import { localTime } from "chef/i18n.js";
import { pageData } from "chef/page-data.js";
import { texts } from "chef/texts.js";

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
 * An element of a kind, which must be there.
 *
 * @template {Element} [T=HTMLElement]
 * @param {Element | null} element
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function expected(element, kind) {
  if (element instanceof (kind ?? HTMLElement)) return /** @type {T} */ (element);
  throw new TypeError(`the page has no such element: ${kind?.name ?? "HTMLElement"}`);
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
 * The first element within `root` that matches a selector, which the page's template has.
 *
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} [kind]
 */
export function within(root, selector, kind) {
  return expected(root.querySelector(selector), kind);
}

/**
 * The first element within `root` that shows a field.
 *
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} name
 * @param {new () => T} [kind]
 */
export function field(root, name, kind) {
  return within(root, `[data-field="${name}"]`, kind);
}

/**
 * Set a text where it differs, so that selections and screen readers are left alone.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
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
 * Make `parent` have exactly these children in this order, moving as few as possible.
 *
 * @param {Element} parent
 * @param {Element[]} children
 */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  for (const [index, child] of children.entries()) {
    if (parent.children[index] !== child) put(parent, child, parent.children[index] ?? null);
  }
}

/**
 * Put a child in its place; one that is there already keeps the focus where the browser can.
 *
 * @param {Element} parent
 * @param {Element} child
 * @param {Element | null} before
 */
function put(parent, child, before) {
  if (child.parentNode === parent && "moveBefore" in parent) parent.moveBefore(child, before);
  else parent.insertBefore(child, before);
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
