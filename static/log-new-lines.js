// The log reduced to what is new in a failed job: the first line of each kind that green runs do not have, and between
// these lines a row that says how many are hidden and shows them.

import { byId, setText } from "chef/dom.js";
import { number } from "chef/i18n.js";
import { addKeys } from "chef/keys.js";
import { texts } from "chef/texts.js";

/** @import { Novelty } from "chef/job-novelty.js" */
/** @import { LogView } from "chef/log-view.js" */
/** @import { Range } from "chef/row-map.js" */

/** Where a reader was: a line at the top of the view, how far one was into it, and whether the end was followed. @typedef {{ line: number, into: number, isFollowing: boolean }} Place */

export class NewLines {
  #view;
  #button = byId("log-new");
  /** The lines that are new, ascending. @type {number[]} */
  #numbers = [];
  /** How many kinds are new that are not among these lines. */
  #unlisted = 0;
  /** Whether only these lines are shown. */
  #isOn = false;
  /** The gaps that somebody opened, by their first lines. @type {Set<number>} */
  #open = new Set();
  /** Where the reader was in the whole log, and the top of the reduced one then. @type {{ place: Place, top: number, marked: number | null } | null} */
  #left = null;

  /** @param {LogView} view */
  constructor(view) {
    this.#view = view;
    view.revealers.push((number) => this.#reveal(number));
    view.listen(() => this.#showCounts());
    view.scroller.addEventListener("click", (event) => this.#clicked(event));
    this.#button.addEventListener("click", () => this.toggle());
    byId("new-all").addEventListener("click", () => this.#leave());
  }

  /** What is new in the job; null where nothing is known of that, or it is another log. @param {Novelty | null} found */
  set found(found) {
    const wasOn = this.#isOn;
    if (wasOn) this.toggle();
    this.#numbers = (found?.lines ?? []).map(({ line }) => line).sort((one, other) => one - other);
    this.#unlisted = (found?.kinds ?? 0) - this.#numbers.length;
    this.#button.hidden = this.#numbers.length === 0;
    if (this.#numbers.length > 0) this.#addKey();
    setText(byId("log-new-word"), texts.log.onlyNew(this.#numbers.length));
    // There is no room for words on a phone.
    this.#button.dataset.count = number(this.#numbers.length);
    // Who looks at what is new sees what came behind it, too.
    if (wasOn) this.toggle();
  }

  #addKey() {
    const description = texts.log.keys.onlyNew;
    addKeys({ name: "log-onlyNew", key: "o", description, handler: () => this.toggle() });
  }

  /** Show the new lines alone, or all lines again; returns whether there is anything new. */
  toggle() {
    if (this.#numbers.length === 0) return false;
    this.#isOn = !this.#isOn;
    this.#open.clear();
    if (this.#isOn) this.#reduce();
    else this.#restore();
    this.#button.setAttribute("aria-pressed", String(this.#isOn));
    byId("log-only").hidden = !this.#isOn;
    this.#showCounts();
    return true;
  }

  /** The button that shows all lines goes with them: the log gets the focus. */
  #leave() {
    this.toggle();
    this.#view.scroller.focus({ preventScroll: true });
  }

  #reduce() {
    const { window, hidden, marks } = this.#view;
    const row = Math.floor(window.top);
    const place = { line: hidden.map.numberAt(row), into: window.top - row, isFollowing: window.isFollowing };
    this.#hide(null);
    this.#left = { place, top: window.top, marked: marks.range?.[0] ?? null };
  }

  /** Show all lines: those that the reader chose stay in view; one who only looked is back in the old place. */
  #restore() {
    const { window, hidden, marks } = this.#view;
    const left = this.#left;
    const marked = marks.range?.[0] ?? null;
    const hasMarked = marked !== null && marked !== left?.marked && !hidden.isHidden(marked);
    const hasMoved = window.top !== left?.top;
    this.#hide(hasMarked ? marked : this.#firstInView());
    const hasLetGo = window.isFollowing !== left?.place.isFollowing;
    if (!left || hasMarked || hasMoved || hasLetGo || window.isFollowing) return;
    window.goTo(hidden.map.rowOf(left.place.line) + left.place.into);
  }

  /** The first line in view that has a row of its own, or null. */
  #firstInView() {
    const { map } = this.#view.hidden;
    const [first, last] = this.#view.window.inView;
    for (let row = first; row <= last; row++) {
      const number = map.numberAt(row);
      if (!this.#view.hidden.isHidden(number)) return number;
    }
    return null;
  }

  /**
   * Hide what is not shown, or nothing.
   *
   * @param {number | null} anchor the line that keeps its place in the view
   */
  #hide(anchor) {
    const gaps = this.#isOn ? gapsBetween(this.#numbers) : null;
    const closed = gaps?.filter(([first]) => !this.#open.has(first)) ?? null;
    this.#view.hidden.showOnly(closed, gaps?.filter(([first]) => this.#open.has(first)) ?? [], anchor);
    this.#view.rows.refillAll();
    this.#view.window.drawNow();
  }

  /** @param {number} number a line that is gone to */
  #reveal(number) {
    const gap = this.#view.hidden.gapOf(number);
    if (gap) this.#openGap(gap, null);
  }

  /**
   * @param {Range} gap
   * @param {number | null} anchor
   */
  #openGap([first], anchor) {
    this.#open.add(first);
    this.#hide(anchor);
    this.#showCounts();
  }

  /** @param {MouseEvent} event */
  #clicked({ target }) {
    const button = target instanceof Element ? target.closest(".gap-open") : null;
    /** @type {HTMLElement | null | undefined} */
    const row = button?.closest(".line");
    const gap = row && this.#view.hidden.gapOf(Number(row.dataset.number));
    if (!gap) return;
    this.#view.letGo();
    const behind = gap[1] + 1;
    // The lines before a new one tell more of it than those behind the one before.
    this.#openGap(gap, behind <= this.#view.lines.total ? behind : null);
    this.#view.scroller.focus({ preventScroll: true });
  }

  #showCounts() {
    if (!this.#isOn) return;
    const { lines, hidden, rows } = this.#view;
    const shown = texts.log.newOf(this.#numbers.length, lines.total);
    const words = this.#unlisted > 0 ? `${shown} ${texts.log.newUnlisted(this.#unlisted)}` : shown;
    setText(byId("only-words"), words);
    // More lines may have come behind the last one that is shown.
    const end = hidden.gapOf(lines.total);
    if (end) rows.refill(end[0]);
  }
}

/**
 * The ranges before, between and behind these ascending numbers.
 *
 * @param {number[]} numbers
 */
function gapsBetween(numbers) {
  /** @type {Range[]} */
  const gaps = [];
  let next = 1;
  for (const number of numbers) {
    if (number > next) gaps.push([next, number - 1]);
    next = number + 1;
  }
  gaps.push([next, Number.MAX_SAFE_INTEGER]);
  return gaps;
}
