// Copying from the log: clean text of all that is selected, also of rows that are not in the document.

import { cleanText } from "chef/escapes.js";

/** @import { Parameters } from "chef/api.js" */
/** @import { Line } from "chef/log-lines.js" */
/** @import { LogView } from "chef/log-view.js" */

/**
 * A part of a log: lines, and where it begins in the first and ends in the last of them; null at the line's end.
 *
 * @typedef {{ first: number, last: number, begin: number, end: number | null }} TextRange
 */

// So many lines are copied at once, if they are here; else the server makes the text.
const MOST_KNOWN_LINES = 20_000;
// As a selection grows, its unknown lines are read, so that they are there when somebody copies.
const READ_AHEAD_LINES = 5_000;

export class LogCopy {
  #view;
  #read;
  /** @type {{ first: number, last: number, lines: Line[] | null } | null} */
  #ahead = null;
  /** The text to copy now, where the browser has no clipboard for pages that come without https. @type {string | null} */
  #ready = null;

  /**
   * @param {LogView} view
   * @param {(parameters: Parameters) => Promise<string>} read promises the text of a range of the log, as
   *   `GET /api/jobs/JOB/logs` gives it
   */
  constructor(view, read) {
    this.#view = view;
    this.#read = read;
    document.addEventListener("copy", (event) => this.#copy(event));
    document.addEventListener("selectionchange", () => this.#readAhead());
  }

  /**
   * Write the text of lines to the clipboard; promises whether that worked.
   *
   * @param {number} first
   * @param {number} last
   */
  async copyLines(first, last) {
    return this.#write(this.#text({ first, last, begin: 0, end: null }));
  }

  /**
   * Write a text that is promised: the browser must be asked while it still knows that somebody pressed a key.
   *
   * @param {Promise<string>} promise
   */
  async #write(promise) {
    try {
      if (navigator.clipboard?.write) {
        const blob = promise.then((text) => new Blob([text], { type: "text/plain" }));
        await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
        return true;
      }
      this.#ready = await promise;
      return document.execCommand("copy");
    } catch {
      return false;
    } finally {
      this.#ready = null;
    }
  }

  /**
   * The text of a range, which the server has.
   *
   * @param {TextRange} range
   */
  async #text({ first, last, begin, end }) {
    const text = (await this.#read({ after: first - 1, before: last + 1 })).replace(/\n$/, "");
    const lastLine = text.length - text.lastIndexOf("\n") - 1;
    return text.slice(begin, end === null || end >= lastLine ? text.length : text.length - lastLine + end);
  }

  /** @param {ClipboardEvent} event */
  #copy(event) {
    if (this.#ready !== null) {
      event.preventDefault();
      event.clipboardData?.setData("text/plain", this.#ready);
      return;
    }
    if (isField(event.target)) return;
    const range = this.#selected() ?? this.#marked();
    if (range !== null) this.#give(event, range);
  }

  /** The marked lines, if nothing is selected and nothing beside the log has the focus. */
  #marked() {
    const { range } = this.#view.marks;
    const isSelected = getSelection()?.isCollapsed === false;
    if (!range || isSelected) return null;
    const focus = document.activeElement;
    // A page that was just opened at marked lines has no focus yet.
    const isHere = focus === null || focus === document.body || this.#view.scroller.contains(focus);
    if (!isHere) return null;
    return { first: range[0], last: range[1], begin: 0, end: null };
  }

  /**
   * @param {ClipboardEvent} event
   * @param {TextRange} range
   */
  #give(event, range) {
    event.preventDefault();
    const known = this.#known(range);
    if (known !== null) event.clipboardData?.setData("text/plain", cut(known, range));
    else this.#write(this.#text(range));
  }

  /**
   * The lines of a range if all of them are here.
   *
   * @param {TextRange} range
   */
  #known({ first, last }) {
    if (last - first > MOST_KNOWN_LINES) return null;
    if (this.#ahead?.first === first && this.#ahead.last === last && this.#ahead.lines) {
      return this.#ahead.lines;
    }
    /** @type {Line[]} */
    const lines = [];
    for (let number = first; number <= last; number++) {
      const line = this.#view.lines.get(number);
      if (line === undefined) return null;
      // What is selected is copied as it is seen, also where its line was replaced meanwhile.
      if (line !== null)
        lines.push({ ...line, message: this.#view.rows.earlierText(number) ?? line.message });
    }
    return lines;
  }

  async #readAhead() {
    const range = this.#selected();
    if (range === null) {
      this.#ahead = null;
      return;
    }
    const { first, last } = range;
    if (last - first > READ_AHEAD_LINES || (this.#ahead?.first === first && this.#ahead.last === last)) {
      return;
    }
    if (this.#known(range)) return;
    /** @type {{ first: number, last: number, lines: Line[] | null }} */
    const ahead = { first, last, lines: null };
    this.#ahead = ahead;
    ahead.lines = await this.#view.lines.range(first, last).catch(() => null);
  }

  /**
   * The selection, if it is in the log alone.
   *
   * @returns {TextRange | null}
   */
  #selected() {
    const selection = getSelection();
    if (!selection || selection.isCollapsed || selection.rangeCount === 0) return null;
    const range = selection.getRangeAt(0);
    const begin = placeOf(range.startContainer, range.startOffset);
    const end = placeOf(range.endContainer, range.endOffset);
    if (begin === null || end === null) return null;
    return { first: begin.line, last: end.line, begin: begin.offset, end: end.offset };
  }
}

/**
 * Where in the log a place in the document is: the line, and how many characters of it come before.
 *
 * @param {Node} node
 * @param {number} offset
 */
function placeOf(node, offset) {
  const element = node instanceof Element ? node : node.parentElement;
  /** @type {HTMLElement | null | undefined} */
  const row = element?.closest("#lines .line");
  const text = row?.querySelector(".text");
  if (!row || !text) return null;
  const before = document.createRange();
  before.selectNodeContents(text);
  if (before.comparePoint(node, offset) < 0) return { line: Number(row.dataset.number), offset: 0 };
  if (before.comparePoint(node, offset) === 0) before.setEnd(node, offset);
  return { line: Number(row.dataset.number), offset: before.toString().length };
}

/**
 * @param {Line[]} lines
 * @param {TextRange} range
 */
function cut(lines, { begin, end, first, last }) {
  const parts = lines.map((line) => cleanText(line.message));
  const final = parts.length - 1;
  if (end !== null && lines.at(-1)?.line === last) parts[final] = parts[final].slice(0, end);
  if (lines[0]?.line === first) parts[0] = parts[0].slice(begin);
  return parts.join("\n");
}

/** @param {EventTarget | null} target */
function isField(target) {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}
