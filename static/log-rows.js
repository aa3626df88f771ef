// The rows of a log that are in the document: filled with their lines, and filled again when those change.

import { fillGapRow, fillRow, newRow } from "chef/log-row.js";

/** @import { HiddenLines } from "chef/log-hidden.js" */
/** @import { LogLines } from "chef/log-lines.js" */
/** @import { MarkedLines } from "chef/log-marks.js" */
/** @import { OutlineGroup } from "chef/log-outline.js" */
/** @import { LogPhases } from "chef/log-phases.js" */
/** @import { LogSelection } from "chef/log-selection.js" */
/** @import { RowWindow } from "chef/row-window.js" */

/**
 * How lines look: `needle` is searched for, `current` is the line where the reader is, `time` makes the text of a time.
 *
 * @typedef {object} LogDisplay
 * @property {string} needle
 * @property {number | null} current
 * @property {((at: string) => string) | null} time
 */

/**
 * Shows the groups of a log in its rows.
 *
 * @typedef {object} GroupDisplay
 * @property {(number: number) => OutlineGroup | undefined} groupAt the group that begins at a line
 * @property {(row: HTMLElement, group: OutlineGroup | undefined) => void} decorate makes a row its heading, or no more
 */

/** The parts of a log that decide how a row looks. @typedef {{ lines: LogLines, hidden: HiddenLines, marks: MarkedLines, selection: LogSelection }} LogParts */

export class LogRows {
  /** Set by the module that knows the groups; without it there are none. @type {GroupDisplay | null} */
  groups = null;
  /** Set by the module that knows the job's phases. @type {Pick<LogPhases, "decorate"> | null} */
  phases = null;
  #parts;
  #window;
  /** @type {LogDisplay} */
  #display = { needle: "", current: null, time: null };
  /** The lines that changed while their rows were selected. @type {Set<number>} */
  #stale = new Set();

  /**
   * @param {LogParts} parts
   * @param {() => RowWindow} window
   */
  constructor(parts, window) {
    this.#parts = parts;
    this.#window = window;
  }

  /**
   * A new row for a line.
   *
   * @param {number} number
   */
  make(number) {
    return this.#fill(newRow(), number);
  }

  /**
   * @param {HTMLElement} row
   * @param {number} number
   */
  #fill(row, number) {
    const { lines, hidden } = this.#parts;
    const gap = hidden.gapAt(number);
    row.classList.toggle("gap", gap !== null);
    if (gap) {
      fillGapRow(row, number, Math.min(gap[1], lines.total) - number + 1);
      return row;
    }
    const group = this.groups?.groupAt(number);
    fillRow(row, number, lines.get(number), { ...this.#display, group: group ?? null });
    this.#showMark(row, number);
    row.classList.toggle("removed", hidden.isRemovedMarker(number));
    row.classList.toggle("current", number === this.#display.current);
    this.groups?.decorate(row, group);
    this.phases?.decorate(row, number);
    return row;
  }

  /**
   * @param {HTMLElement} row
   * @param {number} number
   */
  #showMark(row, number) {
    row.classList.toggle("marked", this.#parts.marks.has(number));
  }

  /** Show which lines are marked. */
  showMarks() {
    for (const [number, row] of this.#window().elements) this.#showMark(row, number);
  }

  /**
   * Fill a row again if it is in the document: its line is another one now.
   *
   * @param {number} number
   */
  refill(number) {
    const row = this.#window().elements.get(number);
    if (row === undefined) return;
    // A selected row stays as it is until it is selected no more.
    if (this.#parts.selection.covers(row)) {
      this.#stale.add(number);
      return;
    }
    this.#window().forget(number);
    this.#fill(row, number);
  }

  /**
   * The text of a row that is selected and still shows an earlier form of its line; null for any other.
   *
   * @param {number} number
   */
  earlierText(number) {
    const row = this.#stale.has(number) ? this.#window().elements.get(number) : undefined;
    return row?.querySelector(".text")?.textContent ?? null;
  }

  /** Fill all rows again: something about all of them changed. */
  refillAll() {
    for (const number of this.#window().elements.keys()) this.refill(number);
    this.#window().draw();
  }

  /** Fill the rows again that were left as they were while they were selected. */
  refillStale() {
    const stale = [...this.#stale];
    this.#stale.clear();
    for (const number of stale) this.refill(number);
  }

  /**
   * Change how lines look.
   *
   * @param {Partial<LogDisplay>} change
   */
  show(change) {
    const display = { ...this.#display, ...change };
    const { needle, current, time } = this.#display;
    if (display.needle === needle && display.current === current && display.time === time) return;
    this.#display = display;
    this.refillAll();
  }
}
