// What is drawn of a log line: text, colours, links, what is searched for. Text is only ever set as text; styles are
// set on elements, since the page's policy allows none in markup.

import { percentsDecoded } from "chef/log-annotations.js";
import { needleFor, piecesOf } from "chef/log-text.js";

/** @import { Piece } from "chef/log-text.js" */

// A line that only ends a group says nothing to a reader.
const GROUP_END = /^(?:::endgroup::|##\[endgroup\])\s*$/;

/**
 * Whether a line only ends a group.
 *
 * @param {string} clean the line without escapes
 */
export function endsGroup(clean) {
  return GROUP_END.test(clean);
}

/**
 * What is drawn of a line, without the marker of a group that begins there.
 *
 * @param {string} message
 * @param {string} clean the line without escapes
 * @param {{ needle: string, group: { marker: string } | null }} display
 */
export function nodesOf(message, clean, { needle, group }) {
  if (endsGroup(clean)) return [element("span", "marker", clean)];
  /** @type {Node[]} */
  const nodes = [];
  let link = /** @type {{ href: string, element: HTMLAnchorElement } | null} */ (null);
  let marker = group && clean.startsWith(group.marker) ? group.marker.length : 0;
  const shown = clean.startsWith("::group::") ? percentsDecoded(message) : message;
  for (const piece of piecesOf(shown, needleFor(needle))) {
    // The marker of a group is there to be copied, and not to be seen.
    const node = marker > 0 ? withoutMarker(piece, marker) : nodeOf(piece);
    marker -= piece.text.length;
    if (piece.href === null) link = null;
    else if (link?.href !== piece.href) link = { href: piece.href, element: linkTo(piece) };
    if (link === null) nodes.push(node);
    else {
      link.element.append(node);
      if (nodes.at(-1) !== link.element) nodes.push(link.element);
    }
  }
  return nodes;
}

/** @param {Piece} piece */
function nodeOf({ text, style, isFound, isBidi }) {
  if (isFound) return element("mark", "", text);
  // Alone in an element that is isolated it turns nothing around.
  if (isBidi) return element("span", "bidi", text);
  if (style === null) return document.createTextNode(text);
  const span = element("span", style.classes.join(" "), text);
  if (style.color) span.style.color = style.color;
  if (style.backgroundColor) span.style.backgroundColor = style.backgroundColor;
  return span;
}

/**
 * @param {Piece} piece
 * @param {number} length of the marker, or of what is left of it
 */
function withoutMarker(piece, length) {
  const hidden = element("span", "marker", piece.text.slice(0, length));
  if (length >= piece.text.length) return hidden;
  const both = new DocumentFragment();
  both.append(hidden, nodeOf({ ...piece, text: piece.text.slice(length) }));
  return both;
}

/**
 * @param {string} name
 * @param {string} className
 * @param {string} text
 */
export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/** @param {Piece} piece the first of those that are the link */
function linkTo({ href, text }) {
  const made = document.createElement("a");
  made.href = href ?? "";
  // A link whose text is another one does not hide where it leads.
  if (text !== href) made.title = href ?? "";
  made.rel = "noopener noreferrer nofollow";
  made.target = "_blank";
  return made;
}
