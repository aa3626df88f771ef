// What all pages do with their documents. Text is only ever set as text.

import { age } from "chef/format.js";
import { localTime } from "chef/i18n.js";
import { texts } from "chef/texts.js";

/** What the server told this page's module. */
export const live = JSON.parse(document.getElementById("live").textContent);

// By the server's clock: the viewer's may be wrong by hours.
const skew = Date.parse(live.now) - Date.now();

/** Now in milliseconds, by the server's clock. */
export function now() {
  return Date.now() + skew;
}

export function byId(id) {
  return document.getElementById(id);
}

/** The first element within `root` (or itself) that shows a field. */
export function field(root, name) {
  return root.querySelector(`[data-field="${name}"]`);
}

/** Set a text where it differs, so that selections and screen readers are left alone. */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** A copy of a template's one element. */
export function clone(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

/** Make `parent` have exactly these children in this order, moving as few as possible. */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, index) => {
    if (parent.children[index] !== child) put(parent, child, parent.children[index] ?? null);
  });
}

/** Put a child in its place; one that is there already keeps the focus where the browser can. */
function put(parent, child, before) {
  const moves = child.parentNode === parent && "moveBefore" in parent;
  if (moves) parent.moveBefore(child, before);
  else parent.insertBefore(child, before);
}

export function setIcon(root, status) {
  const href = `#i-${status || "waiting"}`;
  const icon = field(root, "icon");
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
}

// Which moment an element has in local time: what the server made tells it in UTC.
const shownWhen = new WeakMap();

/** Show a moment as its age; the exact local time is the tooltip. */
export function setWhen(element, at) {
  if (!at) return;
  if (shownWhen.get(element) !== at) {
    shownWhen.set(element, at);
    element.dateTime = at;
    element.title = localTime(at);
  }
  const past = now() - Date.parse(at);
  setText(element, past < 5000 ? texts.justNow : texts.ago(age(past)));
}

/** What is too long for its place scrolls: let the keyboard get there, where there is nothing in it that it reaches. */
export function keepInReach(elements) {
  for (const element of elements) {
    const scrolls = element.scrollHeight > element.clientHeight + 1;
    if (scrolls && !element.querySelector("a[href]")) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
}

/** Call `tick` now and every second. */
export function everySecond(tick) {
  tick();
  setInterval(tick, 1000);
}

/** Where somebody without a valid token goes. */
export function loginUrl() {
  return `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
}
