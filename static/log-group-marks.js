// Groups of lines, from the lines that mark them: GitHub's, GitLab's and Buildkite's. Pure.

/** A line that marks a group: its number and its text. @typedef {[line: number, text: string]} Mark */

/**
 * A group of lines. The first line is the heading, `count` how many follow without the one that only ends it, null
 * while it has no end; `marker` stands before its name; `isOpen`: it is meant to be seen.
 *
 * @typedef {object} Group
 * @property {number} first
 * @property {number} last
 * @property {number | null} count
 * @property {Kind} kind
 * @property {string} name
 * @property {string} marker
 * @property {boolean} isEnded
 * @property {boolean} isOpen
 */

/** @typedef {"section" | "group" | "heading"} Kind GitLab's, GitHub's, Buildkite's */

/**
 * A mark as it is understood: the beginning or the end of a group, and which groups it ends.
 *
 * @typedef {object} Step
 * @property {number} line
 * @property {Kind} kind
 * @property {string} name
 * @property {string} marker
 * @property {boolean} isEnd
 * @property {boolean} isOpen
 * @property {(group: Group) => boolean} ends
 */

// Fewer headings of Buildkite's kind may be rules that somebody drew, or a diff: those are not folded by themselves.
const SURE_HEADINGS = 3;
// A group without an end has all that comes.
const FOR_EVER = 2 ** 50;

/**
 * The groups that ascending marks make, in the order of their first lines.
 *
 * @param {Mark[]} marks
 * @returns {Group[]}
 */
export function groupsOf(marks) {
  const steps = withoutDiffs(heeded(marks).map(([line, text]) => stepOf(line, text)));
  const isSure = steps.filter(({ kind }) => kind === "heading").length >= SURE_HEADINGS;
  /** @type {Group[]} */
  const groups = [];
  /** @type {Group[]} */
  const open = [];
  for (const step of steps) {
    const index = open.findLastIndex((group) => step.ends(group));
    // All groups within it end with it.
    if (index >= 0) endGroups(open.splice(index), step);
    if (step.isEnd) continue;
    const group = groupFrom(step, isSure);
    open.push(group);
    groups.push(group);
  }
  return groups.filter(({ first, last }) => last > first);
}

/**
 * A group that begins, and has no end yet.
 *
 * @param {Step} step
 * @param {boolean} isSure there are headings enough to take them for such
 * @returns {Group}
 */
function groupFrom({ line, kind, name, marker, isOpen }, isSure) {
  return {
    first: line,
    last: FOR_EVER,
    count: null,
    kind,
    name,
    marker,
    isEnded: false,
    isOpen: isOpen || (kind === "heading" && !isSure),
  };
}

/**
 * End groups at a step, the outermost first.
 *
 * @param {Group[]} groups
 * @param {Step} step
 */
function endGroups(groups, { line, isEnd }) {
  const last = isEnd ? line : line - 1;
  for (const [depth, group] of groups.entries()) {
    const count = last - group.first - (isEnd && depth === 0 ? 1 : 0);
    Object.assign(group, { last, isEnded: true, count });
  }
}

/**
 * Without the marks between GitHub's `::stop-commands::TOKEN` and `::TOKEN::`, where nothing is a command.
 *
 * @param {Mark[]} marks
 */
function heeded(marks) {
  /** @type {string | null} */
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

/**
 * @param {number} line
 * @param {string} text
 * @returns {Step}
 */
function stepOf(line, text) {
  const section = /^section_(start|end):\d+:([\w.-]+)/.exec(text);
  if (section) {
    const [isEnd, name] = [section[1] === "end", section[2]];
    const ends = (/** @type {Group} */ group) => isEnd && group.kind === "section" && group.name === name;
    return { line, kind: "section", name, marker: "", isEnd, isOpen: false, ends };
  }
  const command = /^(?:::(end)?group::|##\[(end)?group\])/.exec(text);
  if (command) {
    const isEnd = Boolean(command[1] ?? command[2]);
    // They do not nest: the next one ends the one before, as does a heading.
    const ends = (/** @type {Group} */ group) => group.kind === "group";
    return { line, kind: "group", name: "", marker: command[0], isEnd, isOpen: false, ends };
  }
  const ends = (/** @type {Group} */ group) => group.kind !== "section";
  const isOpen = text.startsWith("+++");
  return { line, kind: "heading", name: "", marker: text.slice(0, 4), isEnd: false, isOpen, ends };
}

/**
 * Without the two lines that head each file of a diff.
 *
 * @param {Step[]} steps
 */
function withoutDiffs(steps) {
  /**
   * @param {Step | undefined} step
   * @param {Step | undefined} next
   */
  const isHead = (step, next) =>
    step?.marker === "--- " && next?.marker === "+++ " && next.line === step.line + 1;
  return steps.filter((step, index) => !isHead(step, steps[index + 1]) && !isHead(steps[index - 1], step));
}
