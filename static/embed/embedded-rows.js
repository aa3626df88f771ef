// The rows of a log in an element: one node for a line and one for its text, more for colours as far as there is room.

import { fairShare } from "chef/embed/fair-share.js";
import { cleanText } from "chef/escapes.js";
import { endsGroup, nodesOf } from "chef/line-nodes.js";
import { annotationOf } from "chef/log-annotations.js";

/** @import { LogBody } from "chef/log-body.js" */
/** @import { KnownLine } from "chef/log-lines.js" */

/** Nodes in all rows: with those around them an element has at most 500. */
const MOST_NODES = 460;
/** How the lines begin that name groups. */
const GROUPS = ["::group::", "##[group]"];

export class EmbeddedRows {
  #body;
  /** How many nodes a row would have with all its colours. @type {WeakMap<Element, number>} */
  #needs = new WeakMap();
  /** The most nodes that a row may have; as many as it needs where it is not told. @type {WeakMap<Element, number>} */
  #shares = new WeakMap();
  /** The lines that changed while their rows were selected. @type {Set<number>} */
  #stale = new Set();
  #isSettling = false;

  /** @param {LogBody<any>} body */
  constructor(body) {
    this.#body = body;
  }

  /**
   * A new row for a line.
   *
   * @param {number} number
   */
  make(number) {
    const row = document.createElement("div");
    row.setAttribute("part", "row");
    return this.#fill(row, number);
  }

  /**
   * @param {HTMLElement} row
   * @param {number} number
   */
  #fill(row, number) {
    const line = this.#body.lines.get(number);
    const clean = cleanText(line?.message ?? "");
    const annotation = annotationOf(clean);
    const classes = [row.classList.contains("kept") && "kept", line === undefined && "loading"];
    row.className = ["row", endsGroup(clean) && "group-end", ...classes].filter(Boolean).join(" ");
    row.dataset.n = String(number);
    row.dataset.level = (line?.level ?? annotation?.level ?? "").toLowerCase();
    const nodes = drawn(line, clean, annotation?.text);
    this.#needs.set(row, countOf(nodes));
    row.replaceChildren(...within(nodes, this.#shares.get(row) ?? Number.POSITIVE_INFINITY));
    return row;
  }

  /**
   * Fill a row again if it is in the document: its line is another one now.
   *
   * @param {number} number
   */
  refill(number) {
    const row = this.#body.window.elements.get(number);
    if (row === undefined) return;
    // A selected row stays as it is until it is selected no more.
    if (this.#body.selection.covers(row)) {
      this.#stale.add(number);
      return;
    }
    this.#body.window.forget(number);
    this.#fill(row, number);
    this.#settleSoon();
  }

  /** Fill all rows again: something about all of them changed. */
  refillAll() {
    for (const number of this.#body.window.elements.keys()) this.refill(number);
    this.#body.window.draw();
  }

  /** Fill the rows again that were left as they were while they were selected. */
  refillStale() {
    const stale = [...this.#stale];
    this.#stale.clear();
    for (const number of stale) this.refill(number);
  }

  #settleSoon() {
    if (this.#isSettling) return;
    this.#isSettling = true;
    queueMicrotask(() => {
      this.#isSettling = false;
      this.settle();
    });
  }

  /** Share the nodes out among the rows that are there now: where they do not do for all, among those in view. */
  settle() {
    const rows = this.#body.window.elements;
    const [first, last] = this.#body.inView;
    const isInView = (/** @type {number} */ number) => number >= first && number <= last;
    const inView = [...rows].filter(([number]) => isInView(number)).map(([, row]) => row);
    const most = MOST_NODES - rows.size;
    let inside = this.#shareOf([...rows.values()], most);
    const outside = Number.isFinite(inside) ? 1 : inside;
    if (outside === 1) {
      inside = this.#shareOf(inView, most - (rows.size - inView.length));
    }
    for (const [number, row] of rows) this.#limit(number, row, isInView(number) ? inside : outside);
  }

  /**
   * @param {HTMLElement[]} rows
   * @param {number} most
   */
  #shareOf(rows, most) {
    return fairShare(
      rows.map((row) => this.#needs.get(row) ?? 1),
      most,
    );
  }

  /**
   * @param {number} number
   * @param {HTMLElement} row
   * @param {number} share
   */
  #limit(number, row, share) {
    const needs = this.#needs.get(row) ?? 1;
    const before = Math.min(needs, this.#shares.get(row) ?? needs);
    this.#shares.set(row, share);
    if (Math.min(needs, share) !== before) this.refill(number);
  }
}

/**
 * @param {KnownLine} line
 * @param {string} clean the line without escapes
 * @param {string | undefined} annotation the text of a line that says something of a level
 */
function drawn(line, clean, annotation) {
  if (!line) return [];
  const marker = GROUPS.find((one) => clean.startsWith(one));
  return nodesOf(annotation ?? line.message, clean, { needle: "", group: marker ? { marker } : null });
}

/**
 * How many nodes these are, with all that is in them.
 *
 * @param {Iterable<Node>} nodes
 */
function countOf(nodes) {
  let count = 0;
  for (const node of nodes) count += 1 + countOf(node.childNodes);
  return count;
}

/**
 * As many of these nodes as there may be, the text of all others in the last one.
 *
 * @param {Node[]} nodes
 * @param {number} most
 */
function within(nodes, most) {
  if (countOf(nodes) <= most) return nodes;
  const kept = [];
  let left = most - 1;
  for (const [index, node] of nodes.entries()) {
    left -= countOf([node]);
    if (left < 0) {
      const rest = nodes.slice(index).map(({ textContent }) => textContent);
      return [...kept, document.createTextNode(rest.join(""))];
    }
    kept.push(node);
  }
  return kept;
}
