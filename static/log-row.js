// One line of a log as a row of the document. Text is only ever set as text; styles are set on elements,
// since the page's policy allows none in markup.

import { clone, within } from "chef/dom.js";
import { cleanText } from "chef/escapes.js";
import { annotationOf, percentsDecoded } from "chef/log-annotations.js";
import { needleFor, piecesOf } from "chef/log-text.js";
import { texts } from "chef/texts.js";

/** @import { KnownLine } from "chef/log-lines.js" */
/** @import { Piece } from "chef/log-text.js" */

/**
 * How a line is shown.
 *
 * @typedef {object} LineDisplay
 * @property {string} needle the text that is searched for
 * @property {((at: string) => string) | null} time makes the text of a time
 * @property {{ marker: string } | null} group the group that begins here
 */

/** @type {LineDisplay} */
const PLAIN = { needle: "", time: null, group: null };

// A line that only ends a group says nothing to a reader.
const GROUP_END = /^(?:::endgroup::|##\[endgroup\])\s*$/;

/** A new, empty row. */
export function newRow() {
  return clone("line-template");
}

/**
 * Fill a row with a line, or with nothing where that is not known yet.
 *
 * @param {HTMLElement} row
 * @param {number} number
 * @param {KnownLine} line
 * @param {LineDisplay} display
 */
export function fillRow(row, number, line, display) {
  row.id = `L${number}`;
  row.dataset.number = String(number);
  const [at, text] = [within(row, ".at"), within(row, ".text")];
  const link = within(row, ".n", HTMLAnchorElement);
  link.dataset.n = String(number);
  link.href = `#L${number}`;
  const clean = cleanText(line?.message ?? "");
  const annotation = annotationOf(clean);
  row.classList.toggle("loading", line === undefined);
  row.classList.toggle("group-end", GROUP_END.test(clean));
  setData(row, "stream", line && line.stream !== "stdout" ? line.stream : null);
  setData(row, "level", line?.level ?? annotation?.level);
  setData(at, "t", line && display.time?.(line.at));
  at.title = line && at.dataset.t ? line.at : "";
  text.replaceChildren(...(line ? nodesOf(annotation?.text ?? line.message, clean, display) : []));
}

/**
 * Have a row stand for lines that are hidden.
 *
 * @param {HTMLElement} row
 * @param {number} number of the first of them
 * @param {number} count
 */
export function fillGapRow(row, number, count) {
  fillRow(row, number, { line: number, at: "", stream: "stdout", level: null, message: "" }, PLAIN);
  for (const name of ["group", "folded", "phase", "begins"]) delete row.dataset[name];
  row.classList.remove("removed", "current", "marked");
  row.querySelector(".fold")?.remove();
  const button = element("button", "gap-open", texts.lines(count));
  button.setAttribute("aria-label", texts.log.showHidden(count));
  within(row, ".text").append(button);
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string | null | undefined} value
 */
function setData(element, name, value) {
  if (value) element.dataset[name] = value;
  else delete element.dataset[name];
}

/**
 * @param {string} message
 * @param {string} clean the line without escapes
 * @param {LineDisplay} display
 */
function nodesOf(message, clean, { needle, group }) {
  if (GROUP_END.test(clean)) return [element("span", "marker", clean)];
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
function element(name, className, text) {
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
