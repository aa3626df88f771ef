// The lines of a log that stand out: those that tell of errors, and groups of lines that people mark. Pure.
// The server finds the same in what is not loaded here (chef/domain/outline.py), by the same patterns.

import { constants } from "chef/constants.js";
import { cleanText } from "chef/escapes.js";

export const ERROR = new RegExp(constants.patterns.error, "i");
export const MARK = new RegExp(constants.patterns.mark);

const ERROR_LEVELS = new Set(constants.errorLevels);
// Fewer headings of Buildkite's kind may be rules that somebody drew, or a diff: those are not folded by themselves.
const SURE_HEADINGS = 3;
// A group without an end has all that comes.
const FOR_EVER = 2 ** 50;

export class Outline {
  #marks = new Map();
  // Ascending.
  #errors = [];

  get errors() {
    return this.#errors;
  }

  /** Take a line that is known here; returns whether what stands out is another thing now. */
  take(line) {
    const text = cleanText(line.message);
    const isMark = MARK.test(text);
    if (isMark) this.#marks.set(line.line, text);
    const isError = ERROR_LEVELS.has(line.level?.toLowerCase()) || ERROR.test(text);
    const changed = isError
      ? this.#addError(line.line)
      : line.replace === true && this.#removeError(line.line);
    return isMark || changed;
  }

  /** Take a part of the outline that the server made. */
  merge({ marks, errors }) {
    for (const [number, text] of marks) if (!this.#marks.has(number)) this.#marks.set(number, text);
    for (const number of errors) this.#addError(number);
  }

  clear() {
    this.#marks.clear();
    this.#errors = [];
  }

  #addError(number) {
    const place = placeIn(this.#errors, number);
    if (this.#errors[place] === number) return false;
    this.#errors.splice(place, 0, number);
    return true;
  }

  #removeError(number) {
    const place = placeIn(this.#errors, number);
    if (this.#errors[place] !== number) return false;
    this.#errors.splice(place, 1);
    return true;
  }

  hasErrorIn(first, last) {
    return this.#errors[placeIn(this.#errors, first)] <= last;
  }

  /** The groups in the order of their first lines; see `groupsOf`. */
  groups() {
    const marks = [...this.#marks].sort((one, other) => one[0] - other[0]);
    return groupsOf(marks).map((group) => ({ ...group, isFolded: this.#isFolded(group) }));
  }

  /** Whether a group is folded unless somebody says otherwise: not where it failed, or still runs. */
  #isFolded({ first, last, isEnded, isOpen }) {
    return isEnded && !isOpen && !this.hasErrorIn(first, last);
  }
}

/** Where a number stands in an ascending list, or would. */
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

/**
 * Groups of lines, from ascending `[line, text]` of marks: `{first, last, count, marker, isEnded, isOpen}`. The
 * first line is the heading, `count` how many follow without the one that only ends it, `marker` what stands before
 * its name; `isOpen`: it is meant to be seen.
 */
export function groupsOf(marks) {
  const steps = withoutDiffs(heeded(marks).map(([line, text]) => ({ line, ...stepOf(text) })));
  const isSure = steps.filter(({ kind }) => kind === "heading").length >= SURE_HEADINGS;
  const [groups, open] = [[], []];
  for (const step of steps) {
    const index = open.findLastIndex((group) => step.ends(group));
    // All groups within it end with it.
    if (index >= 0) endGroups(open.splice(index), step);
    if (step.isEnd) continue;
    const isOpen = step.isOpen || (step.kind === "heading" && !isSure);
    const group = { first: step.line, kind: step.kind, name: step.name, marker: step.marker, isOpen };
    open.push(group);
    groups.push(group);
  }
  for (const group of open) Object.assign(group, { last: FOR_EVER, isEnded: false, count: null });
  return groups.filter(({ first, last }) => last > first);
}

/** End groups at a step, the outermost first. */
function endGroups(groups, { line, isEnd }) {
  const last = isEnd ? line : line - 1;
  for (const [depth, group] of groups.entries()) {
    const count = last - group.first - (isEnd && depth === 0 ? 1 : 0);
    Object.assign(group, { last, isEnded: true, count });
  }
}

/** Without what stands between GitHub's `::stop-commands::TOKEN` and `::TOKEN::`, which is nobody's to mark. */
function heeded(marks) {
  let end = null;
  return marks.filter(([, text]) => {
    if (end !== null) {
      if (text.trim() === end) end = null;
      return false;
    }
    const token = /^::stop-commands::(.*)/.exec(text)?.[1].trim();
    if (token) end = `::${token}::`;
    return !text.startsWith("::") || /^::(?:end)?group::/.test(text);
  });
}

function stepOf(text) {
  const section = /^section_(start|end):\d+:([\w.-]+)/.exec(text);
  if (section) {
    const ends = ({ kind, name }) => section[1] === "end" && kind === "section" && name === section[2];
    return {
      kind: "section",
      name: section[2],
      marker: "",
      isEnd: section[1] === "end",
      isOpen: false,
      ends,
    };
  }
  const group = /^(?:::(end)?group::|##\[(end)?group\])/.exec(text);
  if (group) {
    const isEnd = Boolean(group[1] ?? group[2]);
    // They do not nest: the next one ends the one before, as does a heading.
    return {
      kind: "group",
      name: "",
      marker: group[0],
      isEnd,
      isOpen: false,
      ends: ({ kind }) => kind === "group",
    };
  }
  const ends = ({ kind }) => kind !== "section";
  return {
    kind: "heading",
    name: "",
    marker: text.slice(0, 4),
    isEnd: false,
    isOpen: text.startsWith("+++"),
    ends,
  };
}

/** Without the two lines that head each file of a diff. */
function withoutDiffs(steps) {
  const isHead = (step, next) =>
    step?.marker === "--- " && next?.marker === "+++ " && next.line === step.line + 1;
  return steps.filter((step, index) => !isHead(step, steps[index + 1]) && !isHead(steps[index - 1], step));
}
