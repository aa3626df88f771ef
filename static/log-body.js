// The lines of a log, of which those in view are in the document: on a job's page, and in an element of any other page.
//
// It puts the parts together: what is known of the log (log-lines.js), which lines have rows (log-hidden.js), the
// window onto them (row-window.js), the rows in it, and the reader's place.

import { JumpButton } from "chef/jump-button.js";
import { HiddenLines } from "chef/log-hidden.js";
import { LogLines } from "chef/log-lines.js";
import { LoadingNote } from "chef/log-note.js";
import { LogSelection } from "chef/log-selection.js";
import { RowWindow } from "chef/row-window.js";

/** @import { Parameters } from "chef/api.js" */
/** @import { Line, LogPart, Removed } from "chef/log-lines.js" */

/** The elements of a log's view. @typedef {Record<"scroller" | "container" | "button" | "note", HTMLElement>} LogElements */

/**
 * The rows of a log: `make` makes the one of a line, the others fill again those that are there.
 *
 * @typedef {object} BodyRows
 * @property {(number: number) => HTMLElement} make
 * @property {(number: number) => void} refill
 * @property {() => void} refillAll
 * @property {() => void} refillStale those that were left as they were while they were selected
 */

// A line that one goes to stands at this share of the view.
const SHARE = 0.35;

/** @template {BodyRows} Rows */
export class LogBody {
  #jumpButton;
  #note;
  /** @type {((lines: Line[]) => void)[]} */
  #listeners = [];

  /**
   * @param {LogElements} elements
   * @param {(parameters: Parameters) => Promise<LogPart>} read promises the answer of `GET /api/jobs/JOB/logs`
   * @param {(body: LogBody<any>) => Rows} newRows
   * @param {AbortSignal} [signal] ends it
   */
  constructor({ scroller, container, button, note }, read, newRows, signal) {
    this.scroller = scroller;
    this.lines = new LogLines({
      read,
      changed: (numbers, removed) => this.#takeRead(numbers, removed),
      failed: (isFailing) => {
        this.#note.isFailing = isFailing;
      },
    });
    this.hidden = new HiddenLines(this.lines, (hide, anchor) => this.#keepingPlace(hide, anchor));
    this.selection = new LogSelection(scroller, () => this.#selectionChanged(), signal);
    this.rows = newRows(this);
    this.window = this.#newWindow(container);
    this.#note = new LoadingNote(note);
    this.#jumpButton = new JumpButton(button, scroller, () => this.goToEnd());
    scroller.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.letGo(), { passive: true });
    scroller.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {HTMLElement} container */
  #newWindow(container) {
    return new RowWindow(this.scroller, container, {
      keyOf: (row) => this.hidden.map.numberAt(row),
      make: (number) => this.rows.make(number),
      keeps: (row) => this.selection.holds(row),
      drawn: (first, last) => this.drawn(first, last),
      followingChanged: () => this.#followingChanged(),
      mayFollow: () => !this.selection.exists,
    });
  }

  /** Show the log for the first time: its end. */
  begin() {
    this.#setCount();
    this.window.drawNow();
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
  drawn(first, last) {
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

  /**
   * Show a line that is hidden, where something hides lines that can be shown.
   *
   * @param {number} _number
   */
  reveal(_number) {}

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
    this.window.noteJump();
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
    this.window.noteJump();
    this.reveal(line);
    this.window.goTo(this.hidden.map.rowOf(line), share);
    this.window.drawNow();
    this.#showButton();
  }

  /** Read nothing more: the log is shown no more. */
  close() {
    this.lines.want([]);
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
