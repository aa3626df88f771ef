// The numbers among 1, 2, 3 … that are shown: rows without holes over numbers with holes. Pure.

/** @typedef {[first: number, last: number]} Range both ends belong to it */

export class RowMap {
  // Hidden ranges, disjoint and ascending, and how many numbers are hidden up to the end of each.
  /** @type {Range[]} */
  #ranges = [];
  /** @type {number[]} */
  #hidden = [];

  /**
   * Hide these ranges, in any order; they may overlap.
   *
   * @param {Range[]} ranges
   */
  hide(ranges) {
    this.#ranges = joined(ranges);
    let hidden = 0;
    this.#hidden = this.#ranges.map(([first, last]) => {
      hidden += last - first + 1;
      return hidden;
    });
  }

  /**
   * How many rows the numbers 1 to `total` take.
   *
   * @param {number} total
   */
  rows(total) {
    return total - this.#hiddenUpTo(total);
  }

  /**
   * The row, from 0 on, that a number stands in; for a hidden one the row before it.
   *
   * @param {number} number
   */
  rowOf(number) {
    return Math.max(0, this.rows(number) - 1);
  }

  /**
   * The number that stands in a row.
   *
   * @param {number} row
   */
  numberAt(row) {
    // The last range that begins before the number that is looked for.
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const shownBefore = this.#ranges[middle][0] - 1 - (this.#hidden[middle - 1] ?? 0);
      if (shownBefore <= row) low = middle + 1;
      else high = middle;
    }
    return row + 1 + (this.#hidden[low - 1] ?? 0);
  }

  /** @param {number} number */
  isHidden(number) {
    const index = this.#rangeBefore(number);
    return index >= 0 && number <= this.#ranges[index][1];
  }

  /** @param {number} number */
  #hiddenUpTo(number) {
    const index = this.#rangeBefore(number);
    if (index < 0) return 0;
    return this.#hidden[index] - Math.max(0, this.#ranges[index][1] - number);
  }

  /**
   * The last range that begins at or before a number; -1 for none.
   *
   * @param {number} number
   */
  #rangeBefore(number) {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ranges[middle][0] <= number) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** @param {Range[]} ranges */
function joined(ranges) {
  /** @type {Range[]} */
  const result = [];
  for (const [first, last] of [...ranges].sort((one, other) => one[0] - other[0])) {
    const before = result.at(-1);
    if (last < first) continue;
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else result.push([first, last]);
  }
  return result;
}
