// One line of a log as a row of the document. Text is only ever set as text; styles are set on elements,
// since the page's policy allows none in markup.

import { clone } from "chef/dom.js";
import { cleanText } from "chef/escapes.js";
import { needleFor, piecesOf } from "chef/log-text.js";

// What only ends a group says nothing to who reads.
const GROUP_END = /^(?:::endgroup::|##\[endgroup\])\s*$/;

/** A new, empty row. */
export function newRow() {
  return clone("line-template");
}

/**
 * Fill a row with a line, or with nothing where that is not known yet. `shown` says how: `needle` what is
 * searched for, `time(at)` the text of a time, `group` the group that begins here or null.
 */
export function fillRow(row, number, line, shown) {
  row.id = `L${number}`;
  row.dataset.number = number;
  const [link, at, text] = ["n", "at", "text"].map((name) => row.querySelector(`.${name}`));
  link.dataset.n = number;
  link.href = `#L${number}`;
  row.classList.toggle("loading", line === undefined);
  row.classList.toggle("group-end", Boolean(line) && GROUP_END.test(cleanText(line.message)));
  setData(row, "stream", line && line.stream !== "stdout" ? line.stream : null);
  setData(row, "level", line?.level);
  setData(at, "t", line && shown.time ? shown.time(line.at) : null);
  at.title = at.dataset.t ? line.at : "";
  text.replaceChildren(...(line ? nodesOf(line.message, shown.needle, shown.group) : []));
}

function setData(element, name, value) {
  if (value) element.dataset[name] = value;
  else delete element.dataset[name];
}

function nodesOf(message, search, group) {
  const nodes = [];
  let link = null;
  let marker = group && cleanText(message).startsWith(group.marker) ? group.marker.length : 0;
  for (const piece of piecesOf(message, needleFor(search))) {
    let node = nodeOf(piece);
    if (marker > 0) {
      // What marks a group is there for who copies it, and not to be seen.
      node = withoutMarker(piece, marker);
      marker -= piece.text.length;
    }
    if (piece.href === null) link = null;
    else if (link?.href !== piece.href) link = linkTo(piece.href);
    if (link === null) nodes.push(node);
    else {
      link.element.append(node);
      if (nodes.at(-1) !== link.element) nodes.push(link.element);
    }
  }
  return nodes;
}

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

function withoutMarker(piece, length) {
  const hidden = element("span", "marker", piece.text.slice(0, length));
  if (length >= piece.text.length) return hidden;
  const both = new DocumentFragment();
  both.append(hidden, nodeOf({ ...piece, text: piece.text.slice(length) }));
  return both;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

function linkTo(href) {
  const made = document.createElement("a");
  made.href = href;
  made.rel = "noopener noreferrer nofollow";
  made.target = "_blank";
  return { href, element: made };
}
