// The lines of a log that have no rows: those that were removed from its middle, those in folded groups, and those in
// the gaps between the only lines that are shown.

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
  /** The gaps whose first row stands for all their lines, ascending; null where all lines are shown. @type {Range[] | null} */
  #gaps = null;
  /** The gaps that were opened. @type {Range[]} */
  #opened = [];

  /**
   * @param {LogLines} lines
   * @param {(hide: () => void, anchor: number | null) => void} change hides lines, and keeps the reader's place: a line's
   *   place in the view, or that of the first one
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

  /**
   * Show only the lines outside of these gaps, and one row for each gap; null for all lines.
   *
   * Groups are folded in opened gaps alone: the only lines are shown wherever they stand.
   *
   * @param {Range[] | null} gaps
   * @param {Range[]} opened
   * @param {number | null} anchor the line that keeps its place in the view
   */
  showOnly(gaps, opened, anchor) {
    this.#gaps = gaps;
    this.#opened = opened;
    this.#hide(anchor);
  }

  /**
   * The gap that hides a line, or null.
   *
   * @param {number} number
   */
  gapOf(number) {
    const gaps = this.#gaps ?? [];
    let [low, high] = [0, gaps.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (gaps[middle][1] < number) low = middle + 1;
      else high = middle;
    }
    return low < gaps.length && gaps[low][0] <= number ? gaps[low] : null;
  }

  /**
   * The gap that a line's row stands for, or null.
   *
   * @param {number} number
   */
  gapAt(number) {
    const gap = this.gapOf(number);
    return gap?.[0] === number ? gap : null;
  }

  /**
   * Whether a line is not to be seen.
   *
   * @param {number} number
   */
  isHidden(number) {
    return this.map.isHidden(number) || this.gapOf(number) !== null;
  }

  /** Hide nothing: the log is another one. */
  reset() {
    this.#removed = null;
    this.#gap = [];
    this.#folded = [];
    this.#gaps = null;
    this.#hide();
  }

  #hide(/** @type {number | null} */ anchor = null) {
    const folded =
      this.#gaps === null ? this.#folded : this.#opened.flatMap((gap) => within(this.#folded, gap));
    const behindFirst = (this.#gaps ?? []).map(([first, last]) => /** @type {Range} */ ([first + 1, last]));
    this.#change(() => this.map.hide([...this.#gap, ...folded, ...behindFirst]), anchor);
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
 * The parts of ranges that lie in another one.
 *
 * @param {Range[]} ranges
 * @param {Range} whole
 */
function within(ranges, [from, to]) {
  const parts = ranges.map(([first, last]) => [Math.max(first, from), Math.min(last, to)]);
  return /** @type {Range[]} */ (parts.filter(([first, last]) => first <= last));
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
