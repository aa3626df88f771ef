// The log of a job: all its lines, of which those in view are in the document.
//
// It puts the parts together: what is known of the log (log-lines.js), which lines are shown (row-map.js), the
// window onto them (row-window.js), and how one looks (log-row.js).

import { constants } from "chef/constants.js";
import { setText } from "chef/dom.js";
import { LogLines } from "chef/log-lines.js";
import { fillRow, newRow } from "chef/log-row.js";
import { RowMap } from "chef/row-map.js";
import { RowWindow } from "chef/row-window.js";
import { texts } from "chef/texts.js";

const HASH = /^#L([1-9]\d{0,14})(?:-L?([1-9]\d{0,14}))?$/;
// Where in the view a line stands that one goes to.
const SHARE = 0.35;
const SLOW_MS = 400;

export class LogView {
  #scroller;
  #button;
  #note;
  #map = new RowMap();
  #lines;
  #window;
  #shown = { needle: "", current: null, time: null };
  #marked = null;
  // What was removed from the log's middle, as the server says it, and the lines that stand there.
  #removed = null;
  #gap = [];
  #folded = [];
  // How many lines there were when one stopped following.
  #seen = 0;
  #loadingSince = null;
  #isFailing = false;
  #listeners = [];
  // The selection, if it is in the log, and the rows that must stay in the document for it and for the focus.
  #selected = null;
  #held = new Set();
  // Lines that became others while their rows were selected.
  #stale = new Set();

  /**
   * Take over the rows that the server rendered; their lines are put into `rendered`. `read(parameters)`
   * promises what `GET /api/jobs/JOB/logs` answers.
   */
  constructor({ scroller, container, button, note, read, wraps, rendered }) {
    [this.#scroller, this.#button, this.#note] = [scroller, button, note];
    this.#lines = new LogLines({
      read,
      changed: (numbers, removed) => this.#came(numbers, removed),
      failed: (isFailing) => this.#showFailing(isFailing),
    });
    rendered.push(...[...container.children].map(lineOf));
    this.#lines.total = Number(container.dataset.last);
    for (const line of rendered) this.#lines.put(line);
    scroller.classList.add("live");
    this.#window = new RowWindow(scroller, container, {
      key: (row) => this.#map.numberAt(row),
      make: (number) => this.#fill(newRow(), number),
      keeps: (row) => this.#held.has(row),
      drawn: (first, last) => this.#drawn(first, last),
      following: () => this.#followingChanged(),
      mayFollow: () => !this.hasSelection,
    });
    this.wraps = wraps;
    this.#listen();
    this.#setCount();
    setText(note, "");
    if (!this.#goToHash()) this.#window.drawNow();
  }

  /** How many lines the log has, as far as is known here. */
  get total() {
    return this.#lines.total;
  }

  get lines() {
    return this.#lines;
  }

  get window() {
    return this.#window;
  }

  get scroller() {
    return this.#scroller;
  }

  /** Whether long lines go on in the next row, or beyond the right edge. */
  set wraps(wraps) {
    this.#scroller.classList.toggle("wrap", wraps);
    this.#window.wraps = wraps;
  }

  /** The numbers of the lines in view, the first and the last. */
  get inView() {
    return this.#window.inView.map((row) => this.#map.numberAt(Math.max(0, row)));
  }

  /** Call `changed(lines)` with lines that came, live or read. */
  listen(changed) {
    this.#listeners.push(changed);
  }

  /** Take live lines: new ones, or such as replace what has their number. */
  add(lines) {
    for (const line of lines) {
      this.#lines.put(line);
      this.refill(line.line);
    }
    this.#setCount();
    this.#tell(lines);
    this.#showButton();
  }

  /** Show the end of another log instead. */
  reset(lines, total) {
    this.#lines.reset(total);
    [this.#removed, this.#gap, this.#folded] = [null, [], []];
    this.#rehide();
    this.#window.clear();
    for (const line of lines) this.#lines.put(line);
    this.#setCount();
    this.#window.isFollowing = true;
    this.#window.drawNow();
    this.#tell(lines);
  }

  /** Show the same log, of which much was missed: what is known is old, the place stays. */
  renew(lines, total) {
    this.#lines.reset(Math.max(total, this.#lines.total));
    for (const line of lines) this.#lines.put(line);
    this.#setCount();
    this.refillAll();
    this.#tell(lines);
    this.#showButton();
  }

  #tell(lines) {
    for (const changed of this.#listeners) changed(lines);
  }

  #setCount() {
    this.#window.count = this.#map.rows(this.#lines.total);
  }

  // Rows

  #fill(row, number) {
    const group = this.groupAt?.(number) ?? null;
    fillRow(row, number, this.#lines.get(number), { ...this.#shown, group });
    row.classList.toggle("marked", this.#isMarked(number));
    row.classList.toggle("removed", this.#isRemovedMarker(number));
    row.classList.toggle("current", number === this.#shown.current);
    this.decorate?.(row, number, group);
    return row;
  }

  /** Fill a row again if it is in the document: its line is another one now. */
  refill(number) {
    const row = this.#window.element(number);
    if (row === undefined) return;
    // What is selected is left as it is until it is selected no more.
    if (this.#isSelected(row)) {
      this.#stale.add(number);
      return;
    }
    this.#window.forget(number);
    this.#fill(row, number);
  }

  /** Fill all rows again: something about all of them changed. */
  refillAll() {
    for (const number of this.#window.elements.keys()) this.refill(number);
    this.#window.draw();
  }

  /** Change how lines look: `needle` is searched for, `current` is where one is, `time(at)` the text of a time. */
  show(how) {
    if (Object.entries(how).every(([name, value]) => this.#shown[name] === value)) return;
    Object.assign(this.#shown, how);
    this.refillAll();
  }

  #drawn(first, last) {
    const numbers = [];
    const [from, to] = this.#window.inView;
    const add = (row) => row >= first && row <= last && numbers.push(this.#map.numberAt(row));
    for (let row = from; row <= to; row++) add(row);
    for (let row = first; row < from; row++) add(row);
    for (let row = to + 1; row <= last; row++) add(row);
    this.#lines.want(numbers);
    this.#showButton();
    this.#noteLoading(numbers);
  }

  /** Say that lines are being loaded if that takes long enough to be wondered about. */
  #noteLoading(numbers) {
    const isLoading = numbers.some((number) => this.#lines.get(number) === undefined);
    if (!isLoading) this.#loadingSince = null;
    else this.#loadingSince ??= setTimeout(() => this.#showNote(), SLOW_MS);
    if (this.#loadingSince === null) this.#showNote();
  }

  #showNote() {
    if (this.#isFailing) setText(this.#note, texts.linesFailed);
    else setText(this.#note, this.#loadingSince === null ? "" : texts.loadingLines);
  }

  #showFailing(isFailing) {
    this.#isFailing = isFailing;
    this.#showNote();
  }

  #came(numbers, removed) {
    for (const number of numbers) this.refill(number);
    this.#setCount();
    this.setRemoved(removed);
    this.#tell(numbers.map((number) => this.#lines.get(number)).filter(Boolean));
    this.#window.draw();
  }

  // What is not shown

  /** Take the account of what was removed from the log's middle: those lines have no rows. */
  async setRemoved(removed) {
    if (
      !removed ||
      (removed.firstLine === this.#removed?.firstLine && removed.lastLine === this.#removed.lastLine)
    )
      return;
    this.#removed = removed;
    const { firstLine, lastLine } = removed;
    // The marker stands there, and lines that were written anew later.
    const kept = await this.#lines.range(firstLine, lastLine).catch(() => null);
    if (removed !== this.#removed) return;
    if (kept === null) this.#removed = null;
    else {
      this.#gap = rangesBetween(
        kept.map((line) => line.line),
        firstLine,
        lastLine,
      );
      this.#rehide();
      for (const { line } of kept) this.refill(line);
    }
  }

  #isRemovedMarker(number) {
    const removed = this.#removed;
    if (!removed || number < removed.firstLine || number > removed.lastLine) return false;
    return this.#lines.get(number)?.message.startsWith(constants.removedMarker) ?? false;
  }

  /** Hide these ranges of lines: folded groups. */
  fold(ranges) {
    this.#folded = ranges;
    this.#rehide();
  }

  #rehide() {
    const top = this.#window.top;
    const number = this.#map.numberAt(Math.floor(top));
    this.#map.hide([...this.#gap, ...this.#folded]);
    this.#setCount();
    if (!this.#window.isFollowing) this.#window.goTo(this.#map.rowOf(number) + (top % 1));
    this.#window.draw();
  }

  isHidden(number) {
    return this.#map.isHidden(number);
  }

  // Following the end

  #listen() {
    const scroller = this.#scroller;
    scroller.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.letGo(), { passive: true });
    scroller.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("selectionchange", () => this.#noteHeld());
    for (const name of ["focusin", "focusout"]) scroller.addEventListener(name, () => this.#noteHeld());
    this.#button.addEventListener("click", () => {
      this.goToEnd();
      scroller.focus({ preventScroll: true });
    });
    // The button lies over the log, which is to be scrolled there, too.
    this.#button.addEventListener("wheel", ({ deltaX, deltaY }) => scroller.scrollBy(deltaX, deltaY), {
      passive: true,
    });
    scroller.addEventListener("click", (event) => this.#clicked(event));
    addEventListener("hashchange", () => this.#goToHash());
  }

  /** Stop following: somebody reads. */
  letGo() {
    this.#window.isFollowing = false;
  }

  #followingChanged() {
    this.#seen = this.#lines.total;
    this.#showButton();
  }

  #showButton() {
    const isFollowing = this.#window.isFollowing;
    this.#button.hidden = isFollowing || (this.#window.isAtEnd && this.#seen === this.#lines.total);
    const count = this.#lines.total - this.#seen;
    if (!isFollowing) setText(this.#button, count > 0 ? texts.newLines(count) : texts.toEnd);
  }

  /** Whether text of the log is selected. */
  get hasSelection() {
    return this.#selected !== null;
  }

  /** Take note of what is selected and where the focus is: to ask the browser for each row costs a layout each. */
  #noteHeld() {
    const selection = getSelection();
    const hasSelection = !selection.isCollapsed && selection.containsNode(this.#scroller, true);
    const rowAt = (node) =>
      (node?.nodeType === Node.ELEMENT_NODE ? node : node?.parentElement)?.closest(".line") ?? null;
    this.#selected = hasSelection ? selection : null;
    this.#held = new Set([rowAt(document.activeElement)]);
    if (hasSelection) this.#held.add(rowAt(selection.anchorNode)).add(rowAt(selection.focusNode));
    if (hasSelection) this.letGo();
    else if (this.#stale.size > 0) {
      const stale = [...this.#stale];
      this.#stale.clear();
      for (const number of stale) this.refill(number);
    }
  }

  #isSelected(row) {
    return this.#selected?.containsNode(row, true) ?? false;
  }

  // Going to places

  /** Go to the newest line and stay there. */
  goToEnd() {
    if (this.hasSelection) getSelection().removeAllRanges();
    this.#window.isFollowing = true;
    this.#window.drawNow();
  }

  /** Go to a line, wherever it is. */
  goTo(number, share = SHARE) {
    const line = Math.max(1, Math.min(number, Math.max(1, this.#lines.total)));
    this.letGo();
    if (this.isHidden(line)) this.reveal?.(line);
    this.#window.goTo(this.#map.rowOf(line), share);
    this.#window.drawNow();
    this.#showButton();
  }

  /** The same, moving nothing where the line is in view already. */
  bringIntoView(number) {
    if (this.isHidden(number)) this.reveal?.(number);
    if (this.#window.shows(this.#map.rowOf(number))) this.letGo();
    else this.goTo(number);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.target !== this.#scroller)
      return;
    if (event.key === "End") this.goToEnd();
    else if (event.key === "Home") this.goTo(1, 0);
    else {
      if (["ArrowUp", "PageUp"].includes(event.key)) this.letGo();
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
    if (event.shiftKey) getSelection().removeAllRanges();
    this.mark(Math.min(number, other), Math.max(number, other));
    this.letGo();
  }

  #goToHash() {
    const found = HASH.exec(location.hash);
    if (!found) return false;
    const [from, to] = [Number(found[1]), Number(found[2] ?? found[1])];
    this.#setMarked([Math.min(from, to), Math.max(from, to)]);
    this.goTo(Math.min(from, to));
    return true;
  }

  /** Mark lines and put them into the page's address. */
  mark(from, to) {
    history.replaceState(null, "", from === to ? `#L${from}` : `#L${from}-L${to}`);
    this.#setMarked([from, to]);
  }

  /** Mark nothing. */
  unmark() {
    if (this.#marked === null) return;
    history.replaceState(null, "", location.pathname + location.search);
    this.#setMarked(null);
  }

  get marked() {
    return this.#marked;
  }

  #setMarked(marked) {
    this.#marked = marked;
    for (const [number, row] of this.#window.elements) row.classList.toggle("marked", this.#isMarked(number));
    this.markedChanged?.();
  }

  #isMarked(number) {
    return this.#marked !== null && number >= this.#marked[0] && number <= this.#marked[1];
  }
}

/** A line as the server rendered it. */
function lineOf(row) {
  const text = row.querySelector(".text");
  return {
    line: Number(row.id.slice(1)),
    at: row.dataset.at,
    stream: row.dataset.stream ?? "stdout",
    level: row.dataset.level ?? null,
    message: text.dataset.drawn ?? text.textContent,
  };
}

/** The ranges of `first` to `last` that are not among these ascending numbers. */
function rangesBetween(numbers, first, last) {
  const ranges = [];
  let next = first;
  for (const number of numbers) {
    if (number > next) ranges.push([next, number - 1]);
    next = number + 1;
  }
  if (next <= last) ranges.push([next, last]);
  return ranges;
}
