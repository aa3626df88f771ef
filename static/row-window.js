// A window of rows onto any number of them: only those in view, and a little more, are in the document.
//
// The place is kept in rows (row-geometry.js); the browser's scroll bar follows. Where rows have one height and all of
// them fit into an element, it is exact; else (rows that wrap, millions of them) small movements go by pixels, large
// ones by share, and the bar is set right at rest.

import { RowElements } from "chef/row-elements.js";
import { RowGeometry } from "chef/row-geometry.js";
import { ScrollInput } from "chef/scroll-input.js";

/**
 * The owner of a window. Keys ascend with the rows.
 *
 * @typedef {object} WindowOwner
 * @property {(row: number) => number} keyOf the key of what stands in a row
 * @property {(key: number) => HTMLElement} make makes its element
 * @property {(element: HTMLElement) => boolean} keeps whether it must stay in the document
 * @property {(first: number, last: number) => void} drawn is told which rows are in the document
 * @property {() => void} followingChanged is told that the end is followed now, or no more
 * @property {() => boolean} mayFollow whether following may begin again at the end
 */

export class RowWindow {
  #scroller;
  #spacer;
  #owner;
  #elements;
  #geometry;
  #input;
  /**
   * The place that one goes to, until one scrolls: rows around it may still get their text, and another height.
   *
   * @type {{ row: number, share: number } | null}
   */
  #aim = null;
  #isFollowing = true;
  // The browser is scrolled to here, as far as is known: another value is the reader's doing.
  #scrolled = 0;
  /** @type {number | null} */
  #frame = null;
  #isMeasuredAtEnd = true;
  #mustAlign = true;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} spacer the element within the scroller that the rows stand in
   * @param {WindowOwner} owner
   */
  constructor(scroller, spacer, owner) {
    this.#scroller = scroller;
    this.#spacer = spacer;
    this.#owner = owner;
    this.#elements = new RowElements(spacer, owner.make, owner.keeps);
    this.#geometry = new RowGeometry(owner.keyOf);
    this.#input = new ScrollInput(scroller, {
      scrolled: () => this.#onScroll(),
      rested: () => this.#onRest(),
    });
    this.#measure();
    new ResizeObserver(() => {
      this.#measure();
      this.#geometry.forgetAll();
      this.#mustAlign = true;
      this.drawNow();
    }).observe(scroller);
  }

  #measure() {
    this.#roundHeight();
    const style = getComputedStyle(this.#scroller);
    this.#geometry.rowHeight = Number.parseFloat(style.lineHeight) || 20;
    const padding = Number.parseFloat(style.paddingTop) + Number.parseFloat(style.paddingBottom);
    this.#geometry.view = this.#scroller.clientHeight - padding;
  }

  /**
   * Have the scroller be whole pixels high: at an end within a pixel a finger would move nothing, and not the page either.
   */
  #roundHeight() {
    const { height } = this.#scroller.getBoundingClientRect();
    const margin = Number.parseFloat(this.#scroller.style.marginBottom) || 0;
    this.#scroller.style.marginBottom = `${(height + margin) % 1}px`;
  }

  /** @param {number} count */
  set count(count) {
    if (count === this.#geometry.count) return;
    this.#geometry.count = count;
    this.#mustAlign = true;
    this.draw();
  }

  /** The row at the top of the view, with a fraction. */
  get top() {
    return this.#geometry.top;
  }

  /** The rows in view, the first and the last. */
  get inView() {
    return this.#geometry.inView;
  }

  /** The elements in the document, by their keys. */
  get elements() {
    return this.#elements.all;
  }

  get isFollowing() {
    return this.#isFollowing;
  }

  set isFollowing(is) {
    if (is === this.#isFollowing) return;
    this.#isFollowing = is;
    this.#owner.followingChanged();
    if (is) {
      this.#mustAlign = true;
      this.draw();
    }
  }

  /** @param {boolean} wraps */
  set wraps(wraps) {
    if (wraps === this.#geometry.wraps) return;
    this.#geometry.wraps = wraps;
    this.#elements.freeWidth();
    this.#mustAlign = true;
    this.draw();
  }

  /**
   * Put a row at the top, or with `share` lower in the view: 0.5 is the middle.
   *
   * @param {number} row
   * @param {number} [share]
   */
  goTo(row, share = 0) {
    const { wraps, view, rowHeight } = this.#geometry;
    this.#aim = wraps ? { row, share } : null;
    this.#geometry.top = wraps ? row : row - (Math.max(0, view - rowHeight) * share) / rowHeight;
    this.#geometry.clamp();
    this.#mustAlign = true;
    this.draw();
  }

  /** A reader goes elsewhere at once: what the browser still moves by itself leads nowhere. */
  noteJump() {
    this.#input.noteJump();
  }

  /**
   * Whether a row is wholly in view.
   *
   * @param {number} row
   */
  shows(row) {
    return this.#geometry.shows(row);
  }

  get isAtEnd() {
    if (this.#geometry.wraps) return this.#isMeasuredAtEnd;
    return this.#geometry.top >= this.#geometry.lastTop - 0.4;
  }

  /**
   * The height of a row may have changed.
   *
   * @param {number} key
   */
  forget(key) {
    this.#geometry.forget(key);
  }

  clear() {
    this.#elements.clear();
    this.#geometry.forgetAll();
    this.draw();
  }

  /** Draw with the next frame, once for all that changes until then. */
  draw() {
    this.#frame ??= requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    const geometry = this.#geometry;
    this.#setSpacer();
    if (this.#isFollowing) this.#aim = null;
    if (this.#isFollowing) geometry.top = geometry.lastTop;
    else if (this.#aim) geometry.top = this.#aim.row;
    geometry.clamp();
    const [first, last] = geometry.range(this.#aim !== null || (geometry.wraps && this.#isFollowing));
    const keys = [];
    for (let row = first; row <= last; row++) keys.push(this.#owner.keyOf(row));
    this.#elements.arrange(keys);
    if (geometry.wraps) this.#alignMeasured(first);
    else this.#align(first);
    this.#owner.drawn(first, last);
  }

  #setSpacer() {
    const height = this.#geometry.wantedSpacerHeight;
    if (height === this.#geometry.spacerHeight) return;
    this.#geometry.spacerHeight = height;
    this.#spacer.style.height = `${height}px`;
  }

  /**
   * Place the rows, and the scroll bar, where rows have one height.
   *
   * @param {number} first
   */
  #align(first) {
    const { isExact, top, rowHeight, scrollShare } = this.#geometry;
    if (isExact) {
      this.#elements.place(first * rowHeight);
      if (this.#mustAlign) this.#scrollTo(top * rowHeight);
    } else {
      if (this.#mustAlign) this.#scrollTo(scrollShare);
      this.#elements.place(this.#scrolled - (top - first) * rowHeight);
    }
    this.#mustAlign = false;
  }

  /**
   * The same for rows that wrap: one look at where the browser put them.
   *
   * @param {number} first
   */
  #alignMeasured(first) {
    const geometry = this.#geometry;
    const shown = this.#elements.shown;
    if (shown.length === 0) return;
    const whole = this.#elements.height;
    const tops = [...shown.map(([, element]) => element.offsetTop), whole];
    for (const [index, [key]] of shown.entries()) geometry.setHeight(key, tops[index + 1] - tops[index]);
    const index = Math.min(shown.length - 1, Math.floor(geometry.top) - first);
    let above = tops[index] + (geometry.top % 1) * (tops[index + 1] - tops[index]);
    if (this.#aim) above = Math.max(0, above - this.#aim.share * (geometry.view - geometry.rowHeight));
    const lowest = Math.max(0, whole - geometry.view);
    const isLast = first + shown.length >= geometry.count;
    this.#isMeasuredAtEnd = isLast && (this.#isFollowing || above >= lowest - 1);
    if (this.#isMeasuredAtEnd) above = lowest;
    if (this.#isMeasuredAtEnd || this.#aim) geometry.top = first + rowAt(tops, above);
    if (this.#mustAlign) this.#scrollTo(this.#isMeasuredAtEnd ? geometry.lastScroll : geometry.scrollShare);
    this.#elements.place(this.#scrolled - above);
    this.#mustAlign = false;
  }

  /** @param {number} place in pixels */
  #scrollTo(place) {
    if (Math.abs(this.#scroller.scrollTop - place) >= 0.5) this.#scroller.scrollTop = place;
    // As the browser took it: it rounds, and knows its limits.
    this.#scrolled = this.#scroller.scrollTop;
  }

  #onScroll() {
    const geometry = this.#geometry;
    if (!geometry.wraps && this.#scroller.scrollLeft !== 0) this.#elements.keepWidth();
    const place = this.#scroller.scrollTop;
    const moved = place - this.#scrolled;
    if (Math.abs(moved) < 0.5) return;
    if (this.#input.isLeftOver) {
      this.#alignBar();
      return;
    }
    this.#scrolled = place;
    this.#aim = null;
    this.#follow(place, moved);
    if (moved < 0) this.isFollowing = false;
    this.drawNow();
    if (moved > 0 && this.isAtEnd && this.#owner.mayFollow()) this.isFollowing = true;
    this.#input.noteMoved();
    // At the end of the bar, but not of the rows.
    const isStuck = (place <= 0 && geometry.top > 0) || (place >= geometry.lastScroll - 0.5 && !this.isAtEnd);
    if (isStuck && !this.#input.isDragging) this.#alignBar();
  }

  /**
   * Go where the reader has moved the scroll bar.
   *
   * @param {number} place
   * @param {number} moved
   */
  #follow(place, moved) {
    const geometry = this.#geometry;
    if (geometry.isExact) geometry.top = place / geometry.rowHeight;
    else if (this.#input.isSmall(moved, geometry.view)) geometry.moveBy(moved);
    else if (place >= geometry.lastScroll - 0.5) geometry.top = geometry.count;
    else geometry.top = (place / geometry.lastScroll) * geometry.lastTop;
    geometry.clamp();
  }

  #onRest() {
    if (this.#geometry.isExact || this.#input.isDragging) return;
    this.#geometry.estimateHeights();
    if (!this.#input.waitForRest()) this.#alignBar();
  }

  /** Have the scroll bar right again, which the browser forgets where the window is moved in the document. */
  align() {
    this.#alignBar();
  }

  #alignBar() {
    this.#mustAlign = true;
    this.drawNow();
  }
}

/**
 * The row at a height, with a fraction, counted from the first of these.
 *
 * @param {number[]} tops where each row begins, and where the last one ends
 * @param {number} height
 */
function rowAt(tops, height) {
  const row = Math.max(
    0,
    tops.findLastIndex((top, index) => top <= height && index < tops.length - 1),
  );
  return row + (height - tops[row]) / Math.max(1, tops[row + 1] - tops[row]);
}
