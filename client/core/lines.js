// The lines of a log, by their numbers.

/** @import { Line } from "../client.d.ts" */

export class Lines {
  /** @type {Line[]} */
  #lines = [];
  /** @type {Line[]} */
  #copy = [];
  #isCopied = true;
  #most;

  /** @param {number} most so many of the newest are kept */
  constructor(most) {
    this.#most = most;
  }

  get count() {
    return this.#lines.length;
  }

  /** An array that stays the same until the lines are others. */
  get all() {
    if (!this.#isCopied) this.#copy = this.#lines.slice(Math.max(0, this.#lines.length - this.#most));
    this.#isCopied = true;
    return this.#copy;
  }

  /** @param {Line} line a new one, or one that takes the place of another */
  put(line) {
    const lines = this.#lines;
    this.#isCopied = false;
    if (!lines.length || line.line > lines[lines.length - 1].line) lines.push(line);
    else {
      const place = this.#find(line.line);
      lines.splice(place, lines[place].line === line.line ? 1 : 0, line);
    }
    if (lines.length > 2 * this.#most) lines.splice(0, lines.length - this.#most);
  }

  /** Forget the lines from one number to another, or all. */
  remove(first = 0, last = Number.POSITIVE_INFINITY) {
    this.#lines = this.#lines.filter(({ line }) => line < first || line > last);
    this.#isCopied = false;
  }

  /** @param {number} number of a line, not above that of the last one */
  #find(number) {
    let [from, to] = [0, this.#lines.length - 1];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#lines[middle].line < number) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
