// The lines of a log that have no rows: those that were removed from its middle, and those in folded groups.

import { constants } from "chef/constants.js";
import { RowMap } from "chef/row-map.js";

/** @import { LogLines, Removed } from "chef/log-lines.js" */
/** @import { Range } from "chef/row-map.js" */

export class HiddenLines {
  /** Which lines have which rows. */
  map = new RowMap();
  #lines;
  #change;
  /** The account of removed lines, as the server gives it. @type {Removed | null} */
  #removed = null;
  /** The removed lines. @type {Range[]} */
  #gap = [];
  /** @type {Range[]} */
  #folded = [];

  /**
   * @param {LogLines} lines
   * @param {(hide: () => void) => void} change hides lines, and keeps the reader's place
   */
  constructor(lines, change) {
    this.#lines = lines;
    this.#change = change;
  }

  /**
   * Hide these ranges of lines: folded groups.
   *
   * @param {Range[]} ranges
   */
  fold(ranges) {
    this.#folded = ranges;
    this.#hide();
  }

  /** Hide nothing: the log is another one. */
  reset() {
    this.#removed = null;
    this.#gap = [];
    this.#folded = [];
    this.#hide();
  }

  #hide() {
    this.#change(() => this.map.hide([...this.#gap, ...this.#folded]));
  }

  /**
   * Take the account of removed lines; promises the numbers of those in between that are there, so that their rows
   * can be filled again.
   *
   * @param {Removed | null} removed
   */
  async setRemoved(removed) {
    const before = this.#removed;
    if (!removed) return [];
    if (removed.firstLine === before?.firstLine && removed.lastLine === before.lastLine) return [];
    this.#removed = removed;
    const { firstLine, lastLine } = removed;
    // The marker stands there, and lines that were written anew later.
    const kept = await this.#lines.range(firstLine, lastLine).catch(() => null);
    if (removed !== this.#removed) return [];
    if (kept === null) {
      this.#removed = null;
      return [];
    }
    const numbers = kept.map(({ line }) => line);
    this.#gap = rangesBetween(numbers, firstLine, lastLine);
    this.#hide();
    return numbers;
  }

  /**
   * Whether a line is the one that stands in the place of removed lines.
   *
   * @param {number} number
   */
  isRemovedMarker(number) {
    const removed = this.#removed;
    if (!removed || number < removed.firstLine || number > removed.lastLine) return false;
    return this.#lines.get(number)?.message.startsWith(constants.removedMarker) ?? false;
  }
}

/**
 * The ranges of `first` to `last` that are not among these ascending numbers.
 *
 * @param {number[]} numbers
 * @param {number} first
 * @param {number} last
 */
function rangesBetween(numbers, first, last) {
  /** @type {Range[]} */
  const ranges = [];
  let next = first;
  for (const number of numbers) {
    if (number > next) ranges.push([next, number - 1]);
    next = number + 1;
  }
  if (next <= last) ranges.push([next, last]);
  return ranges;
}
