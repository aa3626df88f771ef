// The log of a job: all its lines, of which those in view are in the document.
//
// It puts the parts together: what is known of the log (log-lines.js), which lines have rows (log-hidden.js), the
// window onto them (row-window.js), the rows in it (log-rows.js), and the reader's place and marks.

import { JumpButton } from "chef/jump-button.js";
import { HiddenLines } from "chef/log-hidden.js";
import { LogLines } from "chef/log-lines.js";
import { MarkedLines } from "chef/log-marks.js";
import { LoadingNote } from "chef/log-note.js";
import { LogRows } from "chef/log-rows.js";
import { LogSelection } from "chef/log-selection.js";
import { RowWindow } from "chef/row-window.js";

/** @import { Parameters } from "chef/api.js" */
/** @import { Line, LogPart, Removed } from "chef/log-lines.js" */

/** The elements of a log's view. @typedef {Record<"scroller" | "container" | "button" | "note", HTMLElement>} LogElements */

// A line that one goes to stands at this share of the view.
const SHARE = 0.35;

export class LogView {
  /** Each shows a line that it hides: modules that hide lines put theirs in. @type {((number: number) => void)[]} */
  revealers = [];
  marks = new MarkedLines();
  /** The line that the page's address leads to without naming its number. @type {number | null} */
  linked = null;
  #jumpButton;
  #note;
  /** @type {((lines: Line[]) => void)[]} */
  #listeners = [];

  /**
   * Take over the log that the server rendered.
   *
   * @param {LogElements} elements
   * @param {(parameters: Parameters) => Promise<LogPart>} read promises the answer of `GET /api/jobs/JOB/logs`
   */
  constructor({ scroller, container, button, note }, read) {
    this.scroller = scroller;
    this.lines = new LogLines({
      read,
      changed: (numbers, removed) => this.#takeRead(numbers, removed),
      failed: (isFailing) => {
        this.#note.isFailing = isFailing;
      },
    });
    this.hidden = new HiddenLines(this.lines, (hide, anchor) => this.#keepingPlace(hide, anchor));
    this.selection = new LogSelection(scroller, () => this.#selectionChanged());
    this.rows = new LogRows(this, () => this.window);
    /** The lines that the server rendered. */
    this.rendered = [...container.querySelectorAll(".line")].map(lineOf);
    this.lines.total = Number(container.dataset.last);
    for (const line of this.rendered) this.lines.put(line);
    scroller.classList.add("live");
    this.window = this.#newWindow(container);
    this.#note = new LoadingNote(note);
    this.#jumpButton = new JumpButton(button, scroller, () => this.goToEnd());
    this.#listen();
  }

  /** @param {HTMLElement} container */
  #newWindow(container) {
    return new RowWindow(this.scroller, container, {
      keyOf: (row) => this.hidden.map.numberAt(row),
      make: (number) => this.rows.make(number),
      keeps: (row) => this.selection.holds(row),
      drawn: (first, last) => this.#drawn(first, last),
      followingChanged: () => this.#followingChanged(),
      mayFollow: () => !this.selection.exists,
    });
  }

  /** Show the log for the first time: its end, or the lines that the page's address names. */
  begin() {
    this.#setCount();
    if (!this.#goToAddress()) this.window.drawNow();
  }

  /**
   * Whether long lines go on in the next row, or beyond the right edge.
   *
   * @param {boolean} wraps
   */
  set wraps(wraps) {
    this.scroller.classList.toggle("wrap", wraps);
    this.window.wraps = wraps;
  }

  /** The numbers of the lines in view, the first and the last. */
  get inView() {
    return this.window.inView.map((row) => this.hidden.map.numberAt(Math.max(0, row)));
  }

  /**
   * Call `take` with lines that came, live or read.
   *
   * @param {(lines: Line[]) => void} take
   */
  listen(take) {
    this.#listeners.push(take);
  }

  /**
   * Take live lines: new ones, or such as replace an earlier form.
   *
   * @param {Line[]} lines
   */
  add(lines) {
    for (const line of lines) {
      this.lines.put(line);
      this.rows.refill(line.line);
    }
    this.#setCount();
    this.#tell(lines);
    this.#showButton();
  }

  /**
   * Show the end of another log instead.
   *
   * @param {Line[]} lines
   * @param {number} total
   */
  reset(lines, total) {
    this.lines.reset(total);
    this.hidden.reset();
    this.window.clear();
    for (const line of lines) this.lines.put(line);
    this.#setCount();
    this.window.isFollowing = true;
    this.window.drawNow();
    this.#tell(lines);
  }

  /**
   * Show the same log, of which much was missed: all that is known is old, the place stays.
   *
   * @param {Line[]} lines
   * @param {number} total
   */
  renew(lines, total) {
    this.lines.reset(Math.max(total, this.lines.total));
    for (const line of lines) this.lines.put(line);
    this.#setCount();
    this.rows.refillAll();
    this.#tell(lines);
    this.#showButton();
  }

  /** @param {Line[]} lines */
  #tell(lines) {
    for (const take of this.#listeners) take(lines);
  }

  #setCount() {
    this.window.count = this.hidden.map.rows(this.lines.total);
  }

  /**
   * Rows were drawn: their lines are wanted, those in view first.
   *
   * @param {number} first
   * @param {number} last
   */
  #drawn(first, last) {
    const [from, to] = this.window.inView;
    const isInView = (/** @type {number} */ row) => row >= from && row <= to;
    const rows = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
    const wanted = [...rows.filter(isInView), ...rows.filter((row) => !isInView(row))];
    const numbers = wanted.map((row) => this.hidden.map.numberAt(row));
    this.lines.want(numbers);
    this.#showButton();
    this.#note.isLoading = numbers.some((number) => this.lines.get(number) === undefined);
  }

  /**
   * @param {number[]} numbers of lines that came by reading
   * @param {Removed | null} removed
   */
  #takeRead(numbers, removed) {
    for (const number of numbers) this.rows.refill(number);
    this.#setCount();
    this.setRemoved(removed);
    this.#tell(numbers.flatMap((number) => this.lines.get(number) ?? []));
    this.window.draw();
  }

  /**
   * Take the account of lines that were removed from the log's middle: they have no rows.
   *
   * @param {Removed | null} removed
   */
  async setRemoved(removed) {
    for (const number of await this.hidden.setRemoved(removed)) this.rows.refill(number);
  }

  /**
   * @param {() => void} hide changes which lines have rows
   * @param {number | null} anchor the line that keeps its place in the view, else the first one does
   */
  #keepingPlace(hide, anchor) {
    const top = this.window.top;
    const number = anchor ?? this.hidden.map.numberAt(Math.floor(top));
    const above = top - this.hidden.map.rowOf(number);
    hide();
    this.#setCount();
    if (!this.window.isFollowing) this.window.goTo(this.hidden.map.rowOf(number) + above);
    this.window.draw();
  }

  /** @param {number} number */
  #reveal(number) {
    if (this.hidden.isHidden(number)) for (const reveal of this.revealers) reveal(number);
  }

  #listen() {
    const scroller = this.scroller;
    scroller.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.letGo(), { passive: true });
    scroller.addEventListener("keydown", (event) => this.#key(event));
    scroller.addEventListener("click", (event) => this.marks.takeClick(event) && this.letGo());
    addEventListener("hashchange", () => this.#goToAddress());
    this.marks.listen(() => this.rows.showMarks());
  }

  /** Stop following: somebody reads. */
  letGo() {
    this.window.isFollowing = false;
  }

  #followingChanged() {
    this.#jumpButton.noteSeen(this.lines.total);
    this.#showButton();
  }

  #showButton() {
    this.#jumpButton.show(this.window, this.lines.total);
  }

  #selectionChanged() {
    if (this.selection.exists) this.letGo();
    else this.rows.refillStale();
  }

  /** Go to the newest line and stay there. */
  goToEnd() {
    this.selection.clear();
    this.window.isFollowing = true;
    this.window.drawNow();
  }

  /**
   * Go to a line, wherever it is.
   *
   * @param {number} number
   * @param {number} [share] where in the view it is to stand
   */
  goTo(number, share = SHARE) {
    const line = Math.max(1, Math.min(number, Math.max(1, this.lines.total)));
    this.letGo();
    this.#reveal(line);
    this.window.goTo(this.hidden.map.rowOf(line), share);
    this.window.drawNow();
    this.#showButton();
  }

  /**
   * The same, moving nothing where the line is in view already.
   *
   * @param {number} number
   */
  bringIntoView(number) {
    this.#reveal(number);
    if (this.window.shows(this.hidden.map.rowOf(number))) this.letGo();
    else this.goTo(number);
  }

  #goToAddress() {
    const line = this.marks.readAddress();
    if (line === null || line > this.lines.total) return false;
    this.goTo(line);
    return true;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key, target, ctrlKey, metaKey, altKey, shiftKey } = event;
    if (ctrlKey || metaKey || altKey || shiftKey || target !== this.scroller) return;
    if (key === "End") this.goToEnd();
    else if (key === "Home") this.goTo(1, 0);
    else {
      if (["ArrowUp", "PageUp"].includes(key)) this.letGo();
      return;
    }
    event.preventDefault();
  }
}

/**
 * A line as the server rendered it.
 *
 * @param {Element} element
 * @returns {Line}
 */
function lineOf(element) {
  const row = /** @type {HTMLElement} */ (element);
  const text = /** @type {HTMLElement} */ (row.querySelector(".text"));
  return {
    line: Number(row.id.slice(1)),
    at: row.dataset.at ?? "",
    stream: row.dataset.stream ?? "stdout",
    level: row.dataset.level ?? null,
    message: text.dataset.drawn ?? text.textContent ?? "",
  };
}
