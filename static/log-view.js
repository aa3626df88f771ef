// The log: a window of rows onto all lines, which grows where one reads and shrinks where one does not.
//
// `first` to `last` are the line numbers that the window covers. While it reaches the log's end, live
// lines are appended; else they are only counted and read when one gets there.

import { cleanText } from "chef/format.js";
import { clone, setText } from "chef/dom.js";
import { texts } from "chef/texts.js";

const MOST_ROWS = 4_000;
const TRIM_TO_ROWS = 3_000;
const STEP = 500;
// How near to the window's edge one gets before more is read.
const NEAR_PX = 1_200;
// What comes together is painted together; a timer and no animation frame, which stops in hidden tabs.
const PAINT_MS = 33;
const RETRY_MS = 2_000;
const HASH = /^#L(\d{1,15})(?:-L?(\d{1,15}))?$/;

export class LogView {
  #scroller;
  #container;
  #button;
  #note;
  #read;
  #rows = new Map();
  #first;
  #last;
  #total;
  #waiting = [];
  #painting = null;
  #following = true;
  // How many lines there were when one stopped following.
  #seen = 0;
  #lastTop = 0;
  // The present read; an answer to an earlier one means nothing. 0: none.
  #reading = 0;
  #reads = 0;
  // Live lines that came while a range was read: newer than what that answer may say of them.
  #newer = new Map();
  #marked = null;

  /**
   * Take over the rows that the server rendered. `read(parameters)` promises `{lines, total}` as
   * `GET /api/jobs/JOB/logs` answers.
   */
  constructor({ scroller, container, button, note, read }) {
    [this.#scroller, this.#container, this.#button] = [scroller, container, button];
    [this.#note, this.#read] = [note, read];
    [this.#first, this.#last] = [Number(container.dataset.first), Number(container.dataset.last)];
    this.#total = this.#last;
    for (const row of container.children) this.#rows.set(Number(row.id.slice(1)), row);
    setText(note, "");
    this.#listen();
    this.#scrollToEnd();
    this.#goToHash();
  }

  /** How many lines the log has, as far as is known here. */
  get total() {
    return this.#total;
  }

  /** Take live lines: new ones, or such as replace what has their number. */
  add(lines) {
    this.#waiting.push(...lines);
    this.#painting ??= setTimeout(() => this.#paint(), PAINT_MS);
  }

  /** Show the end of another log instead. */
  reset(lines, total) {
    this.#waiting = [];
    this.#newer.clear();
    this.#show(lines, beginOf(lines, total - STEP + 1), total, total);
    this.#follow(true);
    this.#scrollToEnd();
  }

  #paint() {
    this.#painting = null;
    const lines = this.#waiting;
    this.#waiting = [];
    const fresh = new DocumentFragment();
    for (const line of lines) {
      if (this.#reading) this.#newer.set(line.line, line);
      const row = this.#rows.get(line.line);
      if (row) fill(row, line);
      else if (this.#takes(line.line)) fresh.append(this.#row(line));
      this.#total = Math.max(this.#total, line.line);
    }
    this.#container.append(fresh);
    if (this.#following) {
      this.#trimStart();
      this.#scrollToEnd();
    }
    this.#showButton();
  }

  /** Whether a live line goes below the last row: only where nothing between is missing. */
  #takes(number) {
    if (number <= this.#last || this.#last < this.#total) return false;
    if (!this.#following && this.#rows.size >= MOST_ROWS) return false;
    this.#last = number;
    return true;
  }

  #row(line) {
    const row = clone("line-template");
    fill(row, line);
    if (this.#isMarked(line.line)) row.classList.add("marked");
    this.#rows.set(line.line, row);
    return row;
  }

  #show(lines, first, last, total) {
    this.#rows.clear();
    this.#container.replaceChildren(...lines.map((line) => this.#row(line)));
    [this.#first, this.#last, this.#total] = [first, last, Math.max(total, last)];
  }

  // Reading further

  async #readRange(parameters, use) {
    const turn = ++this.#reads;
    this.#reading = turn;
    this.#newer.clear();
    const slow = setTimeout(() => setText(this.#note, texts.loadingLines), 300);
    try {
      const { lines, total } = await this.#read(parameters);
      if (this.#reading !== turn) return;
      use(lines.map((line) => this.#newer.get(line.line) ?? line), total);
      this.#total = Math.max(this.#total, total);
      this.#reading = 0;
      setText(this.#note, "");
      this.#readWhereNear();
    } catch {
      if (this.#reading !== turn) return;
      this.#reading = 0;
      setText(this.#note, texts.linesFailed);
      setTimeout(() => this.#readWhereNear(), RETRY_MS);
    } finally {
      clearTimeout(slow);
      this.#showButton();
    }
  }

  #readWhereNear() {
    if (this.#reading) return;
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (scrollTop < NEAR_PX && this.#first > 1) this.#readBefore();
    else if (scrollHeight - scrollTop - clientHeight < NEAR_PX && this.#last < this.#total) this.#readAfter();
  }

  #readBefore() {
    const before = this.#first;
    this.#readRange({ before, limit: STEP }, (lines) => {
      this.#keepingPlace(() => {
        this.#container.prepend(...this.#newRows(lines));
        this.#first = beginOf(lines, before - STEP);
      });
      if (!this.#following) this.#trimEnd();
    });
  }

  #readAfter() {
    const after = this.#last;
    this.#readRange({ after, limit: STEP }, (lines, total) => {
      this.#container.append(...this.#newRows(lines));
      this.#last = endOf(lines, Math.min(after + STEP, Math.max(this.#total, total)));
      this.#keepingPlace(() => this.#trimStart());
    });
  }

  #newRows(lines) {
    return lines.filter((line) => !this.#rows.has(line.line)).map((line) => this.#row(line));
  }

  /** Change what is above the view without moving what is in it. */
  #keepingPlace(change) {
    const before = this.#scroller.scrollHeight;
    const top = this.#scroller.scrollTop;
    change();
    this.#scrollTo(top + this.#scroller.scrollHeight - before);
  }

  #trimStart() {
    if (this.#rows.size <= MOST_ROWS || this.#hasSelection()) return;
    while (this.#rows.size > TRIM_TO_ROWS) this.#drop(this.#container.firstElementChild);
    this.#first = numberOf(this.#container.firstElementChild);
  }

  #trimEnd() {
    if (this.#rows.size <= MOST_ROWS || this.#hasSelection()) return;
    while (this.#rows.size > TRIM_TO_ROWS) this.#drop(this.#container.lastElementChild);
    this.#last = numberOf(this.#container.lastElementChild);
  }

  #drop(row) {
    this.#rows.delete(numberOf(row));
    row.remove();
  }

  // Scrolling

  #listen() {
    const scroller = this.#scroller;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    scroller.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.#letGo(), { passive: true });
    scroller.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("selectionchange", () => this.#hasSelection() && this.#letGo());
    this.#button.addEventListener("click", () => {
      this.goToEnd();
      scroller.focus({ preventScroll: true });
    });
    this.#container.addEventListener("click", (event) => this.#clicked(event));
    addEventListener("hashchange", () => this.#goToHash());
    new ResizeObserver(() => this.#following && this.#scrollToEnd()).observe(scroller);
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < 8 && this.#last >= this.#total;
    if (isAtEnd && !this.#hasSelection()) this.#follow(true);
    else if (scrollTop < this.#lastTop - 1) this.#follow(false);
    this.#lastTop = scrollTop;
    this.#readWhereNear();
  }

  #letGo() {
    if (this.#scroller.scrollTop > 0) this.#follow(false);
  }

  #follow(following) {
    if (this.#following && !following) this.#seen = this.#total;
    this.#following = following;
    this.#showButton();
  }

  #showButton() {
    this.#button.hidden = this.#following;
    const count = this.#total - this.#seen;
    if (!this.#following) setText(this.#button, count > 0 ? texts.newLines(count) : texts.toEnd);
  }

  #scrollToEnd() {
    this.#scrollTo(this.#scroller.scrollHeight);
  }

  #scrollTo(top) {
    this.#scroller.scrollTop = top;
    this.#lastTop = this.#scroller.scrollTop;
  }

  #hasSelection() {
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(this.#container, true);
  }

  /** Go to the newest line and stay there. */
  goToEnd() {
    getSelection().removeAllRanges();
    if (this.#last >= this.#total) {
      this.#follow(true);
      this.#scrollToEnd();
      return;
    }
    this.#readRange({ tail: STEP }, (lines, total) => {
      this.#show(lines, beginOf(lines, total - STEP + 1), total, total);
      this.#follow(true);
      this.#scrollToEnd();
    });
  }

  /** Go to a line, wherever it is. */
  goTo(number) {
    this.#follow(false);
    if (this.#rows.has(number)) {
      this.#center(number);
      return;
    }
    const after = Math.max(0, number - STEP / 2);
    this.#readRange({ after, limit: STEP }, (lines, total) => {
      this.#show(lines, after + 1, endOf(lines, Math.min(after + STEP, total)), total);
      // Again: where one was before, the end may have been in view meanwhile.
      this.#follow(false);
      this.#center(number);
    });
  }

  #center(number) {
    const row = this.#rows.get(number) ?? this.#container.lastElementChild;
    if (!row) return;
    this.#scrollTo(row.offsetTop - (this.#scroller.clientHeight - row.offsetHeight) / 2);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.key === "End") this.goToEnd();
    else if (event.key === "Home") this.goTo(1);
    else {
      if (["ArrowUp", "PageUp"].includes(event.key)) this.#letGo();
      return;
    }
    event.preventDefault();
  }

  // Links to lines

  #clicked(event) {
    const link = event.target.closest("a.n");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const number = Number(link.dataset.n);
    const other = event.shiftKey && this.#marked ? this.#marked[0] : number;
    const [from, to] = [Math.min(number, other), Math.max(number, other)];
    history.replaceState(null, "", from === to ? `#L${from}` : `#L${from}-L${to}`);
    this.#mark(from, to);
  }

  #goToHash() {
    const found = HASH.exec(location.hash);
    if (!found) return;
    const [from, to] = [Number(found[1]), Number(found[2] ?? found[1])];
    this.#mark(Math.min(from, to), Math.max(from, to));
    this.goTo(Math.max(1, Math.min(from, to)));
  }

  #mark(from, to) {
    this.#marked = [from, to];
    for (const [number, row] of this.#rows) row.classList.toggle("marked", this.#isMarked(number));
  }

  #isMarked(number) {
    return this.#marked !== null && number >= this.#marked[0] && number <= this.#marked[1];
  }
}

function numberOf(row) {
  return Number(row.id.slice(1));
}

/**
 * Where lines begin that were read as from `first` on. What was removed from the middle of a log counts
 * as one line there, so they can begin long before; where there are none there is nothing before.
 */
function beginOf(lines, first) {
  return lines.length ? Math.max(1, Math.min(first, lines[0].line)) : 1;
}

/** Where lines end that were read as up to `last`. */
function endOf(lines, last) {
  return Math.max(last, lines.at(-1)?.line ?? 0);
}

function fill(row, line) {
  row.id = `L${line.line}`;
  const link = row.firstElementChild;
  link.dataset.n = line.line;
  link.href = `#L${line.line}`;
  setData(row, "stream", line.stream === "stdout" ? null : line.stream);
  setData(row, "level", line.level);
  setText(row.lastElementChild, cleanText(line.message));
}

function setData(row, name, value) {
  if (value) row.dataset[name] = value;
  else delete row.dataset[name];
}
