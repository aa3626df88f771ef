// Groups in the log: their headings fold and unfold them.

import { getJson, Refused } from "chef/api.js";
import { DelayedCall } from "chef/delayed-call.js";
import { within } from "chef/dom.js";
import { Outline } from "chef/log-outline.js";
import { texts } from "chef/texts.js";

/** @import { Line } from "chef/log-lines.js" */
/** @import { OutlineGroup } from "chef/log-outline.js" */
/** @import { LogView } from "chef/log-view.js" */
/** @import { Range } from "chef/row-map.js" */

const SETTLE_MS = 150;
const RETRY_MS = 5_000;

export class LogGroups {
  outline = new Outline();
  #view;
  #url;
  #changed;
  /** By their first lines. @type {Map<number, OutlineGroup>} */
  #groups = new Map();
  /** Whether somebody folded or unfolded a group, by its first line. @type {Map<number, boolean>} */
  #chosen = new Map();
  // The folded ranges, to see whether they are others now.
  #ranges = "";
  #settling = new DelayedCall(() => this.#settle());
  #generation = 0;

  /**
   * @param {LogView} view
   * @param {string} url where the log's outline is asked for
   * @param {() => void} changed is told that errors or groups are others now
   */
  constructor(view, url, changed) {
    this.#view = view;
    this.#url = url;
    this.#changed = changed;
    view.rows.groups = {
      groupAt: (number) => this.#groups.get(number),
      decorate: (row, group) => this.#decorate(row, group),
    };
    view.revealers.push((number) => this.#reveal(number));
    view.listen((lines) => this.#take(lines));
    view.scroller.addEventListener("click", (event) => this.#clicked(event));
  }

  get all() {
    return [...this.#groups.values()];
  }

  /** Take the lines that came with the page, then ask the server about the others, and about replaced forms. */
  begin() {
    this.#take(this.#view.rendered);
    this.#settling.now();
    this.read();
  }

  /** The log is another one. */
  reset() {
    this.outline.clear();
    this.#chosen.clear();
    this.#settling.now();
    this.read();
  }

  /** Read the outline from its beginning. */
  async read() {
    const generation = ++this.#generation;
    for (let next = "1-0"; next !== null && this.#view.lines.total > 0; ) {
      try {
        const part = await getJson(this.#url, { after: next });
        if (generation !== this.#generation) return;
        this.outline.merge(part);
        this.#view.setRemoved(part.removed);
        this.#settling.after(SETTLE_MS);
        next = part.next;
      } catch (error) {
        if (error instanceof Refused && error.status < 500) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** @param {Line[]} lines */
  #take(lines) {
    let hasChanged = false;
    for (const line of lines) hasChanged = this.outline.take(line) || hasChanged;
    if (hasChanged) this.#settling.after(SETTLE_MS);
  }

  #settle() {
    const before = this.#groups;
    this.#groups = new Map(this.outline.groups().map((group) => [group.first, group]));
    this.#keepOpenAroundReader(before);
    this.#apply();
    this.#changed();
  }

  /**
   * A group does not fold by itself while somebody reads in it, away from the end.
   *
   * @param {Map<number, OutlineGroup>} before
   */
  #keepOpenAroundReader(before) {
    if (this.#view.window.isFollowing) return;
    const [first, last] = this.#view.inView;
    for (const group of this.#groups.values()) {
      const wasOpen = before.get(group.first)?.isFolded === false;
      const isRead = group.first <= last && group.last >= first;
      if (wasOpen && isRead && group.isFolded && !this.#chosen.has(group.first)) {
        this.#chosen.set(group.first, false);
      }
    }
  }

  /** @param {OutlineGroup} group */
  #isFolded(group) {
    return this.#chosen.get(group.first) ?? (group.isFolded && !this.#isLinked(group));
  }

  /**
   * Whether the page's address leads to a line of a group.
   *
   * @param {OutlineGroup} group
   */
  #isLinked({ first, last }) {
    const line = this.#view.marks.range?.[0] ?? this.#view.linked;
    return line !== null && line > first && line <= last;
  }

  #apply() {
    const folded = this.all.filter((group) => this.#isFolded(group));
    const ranges = folded.map(({ first, last }) => /** @type {Range} */ ([first + 1, last]));
    const key = JSON.stringify(ranges);
    if (key !== this.#ranges) {
      this.#ranges = key;
      this.#view.hidden.fold(ranges);
    }
    for (const [number, row] of this.#view.window.elements) {
      if (row.dataset.group !== this.#keyOf(this.#groups.get(number))) this.#view.rows.refill(number);
    }
  }

  /**
   * A text that differs where a row is to be filled again, since it shows something else of its group.
   *
   * @param {OutlineGroup | undefined} group
   */
  #keyOf(group) {
    return group ? `${group.marker}${group.last}${this.#isFolded(group)}` : undefined;
  }

  /**
   * Make a row the heading of a group, or of none.
   *
   * @param {HTMLElement} row
   * @param {OutlineGroup | undefined} group
   */
  #decorate(row, group) {
    const text = within(row, ".text");
    const before = row.querySelector(".fold");
    const hadFocus = before !== null && before === document.activeElement;
    before?.remove();
    for (const name of ["group", "folded"]) delete row.dataset[name];
    delete text.dataset.count;
    if (!group) return;
    row.dataset.group = this.#keyOf(group);
    const isFolded = this.#isFolded(group);
    const count = group.count ?? this.#view.lines.total - group.first;
    if (isFolded) {
      row.dataset.folded = "";
      text.dataset.count = texts.lines(count);
    }
    const button = foldButton(text, isFolded, count);
    text.before(button);
    if (hadFocus) button.focus({ preventScroll: true });
  }

  /** @param {MouseEvent} event */
  #clicked({ target }) {
    if (!(target instanceof Element)) return;
    /** @type {HTMLElement | null} */
    const row = target.closest(".line[data-group]");
    const isHeading = target.closest(".fold") || target.closest(".text");
    if (!row || !isHeading || target.closest("a") || getSelection()?.isCollapsed === false) return;
    this.toggle(Number(row.dataset.number));
  }

  /**
   * Fold the group that begins at a line, or unfold it.
   *
   * @param {number} first
   */
  toggle(first) {
    const group = this.#groups.get(first);
    if (!group) return;
    this.#view.letGo();
    this.#chosen.set(first, !this.#isFolded(group));
    this.#apply();
  }

  /**
   * Fold or unfold all.
   *
   * @param {boolean} isFolded
   */
  foldAll(isFolded) {
    for (const { first } of this.#groups.values()) this.#chosen.set(first, isFolded);
    this.#apply();
  }

  /** @param {number} number */
  #reveal(number) {
    for (const group of this.#groups.values()) {
      const isWithin = group.first < number && number <= group.last;
      if (isWithin && this.#isFolded(group)) this.#chosen.set(group.first, false);
    }
    this.#apply();
  }

  /**
   * The heading nearest before or after a line, of those that are not folded away; null for none.
   *
   * @param {number} number
   * @param {number} step 1 for after, -1 for before
   */
  near(number, step) {
    const shown = this.all.map(({ first }) => first).filter((first) => !this.#view.hidden.isHidden(first));
    const found =
      step > 0 ? shown.find((first) => first > number) : shown.findLast((first) => first < number);
    return found ?? null;
  }
}

/**
 * The button that folds and unfolds a group.
 *
 * @param {HTMLElement} text of the heading
 * @param {boolean} isFolded
 * @param {number} count of lines in the group
 */
function foldButton(text, isFolded, count) {
  const button = document.createElement("button");
  button.className = "fold";
  button.setAttribute("aria-expanded", String(!isFolded));
  button.setAttribute("aria-label", texts.log.group(headingOf(text), count));
  return button;
}

/**
 * A heading's text, without its marker.
 *
 * @param {HTMLElement} text
 */
function headingOf(text) {
  const marker = text.querySelector(".marker")?.textContent ?? "";
  return (text.textContent ?? "").slice(marker.length).trim();
}
