// Text that may be an address. Only http and https are links; anything else, `javascript:` above all, is text.

import { webUrl } from "chef/format.js";

/**
 * Put a text, as a link where it is an address of the web, in the place of the last child of an element.
 *
 * @param {Element} element
 * @param {string} text
 * @param {unknown} [href]
 */
export function fillLinked(element, text, href = text) {
  element.lastElementChild?.replaceWith(linked(text, href));
}

/**
 * A text as an element, a link where `href` is an address of the web.
 *
 * @param {string} text
 * @param {unknown} [href]
 */
export function linked(text, href = text) {
  const isolated = document.createElement("bdi");
  isolated.textContent = text;
  const url = webUrl(href);
  if (!url) return isolated;
  const link = document.createElement("a");
  link.href = url;
  link.rel = "noopener noreferrer nofollow";
  link.append(isolated);
  return link;
}
