// One line of a log as a row of the document.

import { clone, within } from "chef/dom.js";
import { cleanText } from "chef/escapes.js";
import { element, endsGroup, nodesOf } from "chef/line-nodes.js";
import { annotationOf } from "chef/log-annotations.js";
import { texts } from "chef/texts.js";

/** @import { KnownLine } from "chef/log-lines.js" */

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
  row.classList.toggle("group-end", endsGroup(clean));
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
