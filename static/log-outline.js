// The lines of a log that stand out: those that tell of errors, and those that mark groups. Pure.
// The server finds the same in what is not loaded here (chef/domain/outline.py), by the same patterns.

import { constants } from "chef/constants.js";
import { cleanText } from "chef/escapes.js";
import { groupsOf } from "chef/log-group-marks.js";

/** @import { Group, Mark } from "chef/log-group-marks.js" */
/** @import { Line } from "chef/log-lines.js" */

/** A part of the outline that the server made. @typedef {{ marks: Mark[], errors: number[] }} OutlinePart */
/** A group; `isFolded`: unless somebody says otherwise. @typedef {Group & { isFolded: boolean }} OutlineGroup */

const ERROR = new RegExp(constants.patterns.error);
const NO_ERROR = new RegExp(constants.patterns.noError);
export const MARK = new RegExp(constants.patterns.mark);

const ERROR_LEVELS = new Set(constants.errorLevels);

/**
 * Whether a line's text, without colours, tells of an error.
 *
 * @param {string} text
 */
export function isError(text) {
  return ERROR.test(text) && !NO_ERROR.test(text);
}

export class Outline {
  /** @type {Map<number, string>} */
  #marks = new Map();
  /** Ascending. @type {number[]} */
  #errors = [];
  /** Lines whose errors the next line takes back. @type {Set<number>} */
  #ignored = new Set();

  get errors() {
    return this.#errors;
  }

  /** The first line of each error: neighbours are one. */
  get firstErrors() {
    return this.#errors.filter((number, index) => this.#errors[index - 1] !== number - 1);
  }

  /**
   * Take a line that is known here; returns whether the outline has changed.
   *
   * @param {Line} line
   */
  take(line) {
    const text = cleanText(line.message);
    const isMark = MARK.test(text);
    if (isMark) this.#marks.set(line.line, text);
    if (text === constants.ignoredError) return this.#ignoreError(line.line - 1);
    const tells = ERROR_LEVELS.has(line.level?.toLowerCase() ?? "") || isError(text);
    const hasChanged = tells
      ? this.#addError(line.line)
      : line.replace === true && this.#removeError(line.line);
    return isMark || hasChanged;
  }

  /** @param {OutlinePart} part */
  merge({ marks, errors }) {
    for (const [number, text] of marks) if (!this.#marks.has(number)) this.#marks.set(number, text);
    for (const number of errors) this.#addError(number);
  }

  clear() {
    this.#marks.clear();
    this.#errors = [];
    this.#ignored.clear();
  }

  /** @param {number} number */
  #ignoreError(number) {
    this.#ignored.add(number);
    return this.#removeError(number);
  }

  /** @param {number} number */
  #addError(number) {
    const place = placeIn(this.#errors, number);
    if (this.#errors[place] === number || this.#ignored.has(number)) return false;
    this.#errors.splice(place, 0, number);
    return true;
  }

  /** @param {number} number */
  #removeError(number) {
    const place = placeIn(this.#errors, number);
    if (this.#errors[place] !== number) return false;
    this.#errors.splice(place, 1);
    return true;
  }

  /**
   * @param {number} first
   * @param {number} last
   */
  hasErrorIn(first, last) {
    return this.#errors[placeIn(this.#errors, first)] <= last;
  }

  /**
   * The groups in the order of their first lines.
   *
   * @returns {OutlineGroup[]}
   */
  groups() {
    const marks = [...this.#marks].sort((one, other) => one[0] - other[0]);
    return groupsOf(marks).map((group) => ({ ...group, isFolded: this.#isFolded(group) }));
  }

  /**
   * Whether a group is folded unless somebody says otherwise: not where it failed, or still runs.
   *
   * @param {Group} group
   */
  #isFolded({ first, last, isEnded, isOpen }) {
    return isEnded && !isOpen && !this.hasErrorIn(first, last);
  }
}

/**
 * Where a number stands in an ascending list, or would.
 *
 * @param {number[]} numbers
 * @param {number} number
 */
export function placeIn(numbers, number) {
  let [low, high] = [0, numbers.length];
  // Most come last.
  if (high > 0 && numbers[high - 1] < number) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
