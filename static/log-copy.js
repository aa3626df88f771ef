// Copying from the log: clean text of all that is selected, also of rows that are not in the document.

import { cleanText } from "chef/escapes.js";

// What is copied at once, if it is here; else the server makes the text.
const MOST_KNOWN_LINES = 20_000;
// As a selection grows, what is not known yet is read, so that it is there when somebody copies.
const READ_AHEAD_LINES = 5_000;

export class LogCopy {
  #view;
  #read;
  #ahead = null;
  // What is to be copied now, where the browser has no clipboard for pages that come without https.
  #ready = null;

  /** `read(parameters)` promises the text of a range of the log, as `GET /api/jobs/JOB/logs` gives it. */
  constructor(view, read) {
    [this.#view, this.#read] = [view, read];
    document.addEventListener("copy", (event) => this.#copy(event));
    document.addEventListener("selectionchange", () => this.#readAhead());
  }

  /** Write the text of lines to the clipboard; whether that worked. */
  async copyLines(first, last) {
    return this.#write(this.#text({ first, last, begin: 0, end: null }));
  }

  /** Write a text that is promised: the browser must be asked while it still knows that somebody pressed a key. */
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

  /** The text of a range, which the server has. */
  async #text({ first, last, begin, end }) {
    const text = (await this.#read({ after: first - 1, before: last + 1 })).replace(/\n$/, "");
    const lastLine = text.length - text.lastIndexOf("\n") - 1;
    return text.slice(begin, end === null || end >= lastLine ? text.length : text.length - lastLine + end);
  }

  #copy(event) {
    if (this.#ready !== null) {
      event.preventDefault();
      event.clipboardData.setData("text/plain", this.#ready);
      return;
    }
    if (isField(event.target)) return;
    const range = this.#selected();
    if (range === null) {
      const { marked } = this.#view;
      // Nothing is selected, but lines are marked.
      if (!marked || !getSelection().isCollapsed || !this.#view.scroller.contains(document.activeElement))
        return;
      this.#give(event, { first: marked[0], last: marked[1], begin: 0, end: null });
      return;
    }
    this.#give(event, range);
  }

  #give(event, range) {
    event.preventDefault();
    const known = this.#known(range);
    if (known !== null) event.clipboardData.setData("text/plain", cut(known, range));
    else this.#write(this.#text(range));
  }

  /** The lines of a range if all of them are here. */
  #known({ first, last }) {
    if (last - first > MOST_KNOWN_LINES) return null;
    if (this.#ahead?.first === first && this.#ahead.last === last && this.#ahead.lines)
      return this.#ahead.lines;
    const lines = [];
    for (let number = first; number <= last; number++) {
      const line = this.#view.lines.get(number);
      if (line === undefined) return null;
      if (line !== null) lines.push(line);
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
    if (last - first > READ_AHEAD_LINES || (this.#ahead?.first === first && this.#ahead.last === last))
      return;
    if (this.#known(range)) return;
    const ahead = { first, last, lines: null };
    this.#ahead = ahead;
    ahead.lines = await this.#view.lines.range(first, last).catch(() => null);
  }

  /** What is selected, if that is in the log alone: lines, where it begins in the first and ends in the last. */
  #selected() {
    const selection = getSelection();
    if (selection.isCollapsed || selection.rangeCount === 0) return null;
    const range = selection.getRangeAt(0);
    const [begin, end] = [
      placeOf(range.startContainer, range.startOffset),
      placeOf(range.endContainer, range.endOffset),
    ];
    if (begin === null || end === null) return null;
    return { first: begin.line, last: end.line, begin: begin.offset, end: end.offset };
  }
}

/** Where in the log a place in the document is: the line, and how many characters of it come before. */
function placeOf(node, offset) {
  const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
  const row = element.closest("#lines .line");
  if (row === null) return null;
  const text = row.querySelector(".text");
  const before = document.createRange();
  before.selectNodeContents(text);
  if (before.comparePoint(node, offset) < 0) return { line: Number(row.dataset.number), offset: 0 };
  if (before.comparePoint(node, offset) === 0) before.setEnd(node, offset);
  return { line: Number(row.dataset.number), offset: before.toString().length };
}

function cut(lines, { begin, end, first, last }) {
  const parts = lines.map((line) => cleanText(line.message));
  if (end !== null && lines.at(-1)?.line === last) parts[parts.length - 1] = parts.at(-1).slice(0, end);
  if (lines[0]?.line === first) parts[0] = parts[0].slice(begin);
  return parts.join("\n");
}

function isField(element) {
  return element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement;
}
