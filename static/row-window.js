// A window of rows onto any number of them: only what is in view, and a little more, is in the document.
//
// The place is kept as a row and how far one is into it (`top`, in rows, with a fraction), not in pixels:
// that stays right when rows above change. The browser's scroll bar follows. Where rows have one height and
// all of them fit into an element, it is exact; else (rows that wrap, millions of them: browsers cap an
// element's height) small movements go by pixels, large ones by share, and the bar is set right at rest.

const MOST_PX = 15_000_000;
// How many rows more than those in view are kept above and below.
const MORE_ROWS = 12;
// Movements larger than so many views are jumps of the scroll bar, unless a wheel was just turned.
const JUMP_VIEWS = 2;
const WHEEL_MS = 400;
const REST_MS = 140;
const MOST_HEIGHTS = 20_000;

export class RowWindow {
  #scroller;
  #spacer;
  #rows;
  #on;
  #elements = new Map();
  // Heights of rows that wrap, as far as they were seen, and what the others are taken for.
  #heights = new Map();
  #estimate = 20;
  // Where one wants to be, until one scrolls: rows around it may still get their text, and another height.
  #aim = null;
  #count = 0;
  #top = 0;
  #isFollowing = true;
  #wraps = false;
  #rowHeight = 20;
  #view = 0;
  // Where the browser is scrolled to, as far as is known: another value is the reader's doing.
  #scrolled = 0;
  #spacerHeight = -1;
  #frame = null;
  #rest = null;
  #isDragging = false;
  #width = 0;
  #wheeled = -WHEEL_MS;
  #moved = 0;
  #isAtEnd = true;
  #mustAlign = true;

  /**
   * `on.key(row)` names what stands in a row, `on.make(key)` makes its element, `on.keeps(element)` tells
   * whether it must stay in the document, `on.drawn(first, last)` is told which rows are in it, `on.following(is)`
   * whether the end is followed, and `on.mayFollow()` tells whether that may begin again at the end.
   */
  constructor(scroller, spacer, on) {
    [this.#scroller, this.#spacer, this.#on] = [scroller, spacer, on];
    this.#rows = document.createElement("div");
    this.#rows.className = "rows";
    spacer.replaceChildren(this.#rows);
    this.#measure();
    scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    scroller.addEventListener("scrollend", () => this.#atRest(), { passive: true });
    scroller.addEventListener("wheel", () => (this.#wheeled = performance.now()), { passive: true });
    scroller.addEventListener("pointerdown", (event) => this.#onPointer(event), { passive: true });
    for (const name of ["pointerup", "pointercancel"])
      addEventListener(name, () => (this.#isDragging = false));
    new ResizeObserver(() => {
      this.#measure();
      this.#heights.clear();
      this.#mustAlign = true;
      this.drawNow();
    }).observe(scroller);
  }

  #measure() {
    const style = getComputedStyle(this.#scroller);
    this.#rowHeight = Number.parseFloat(style.lineHeight) || 20;
    this.#estimate = Math.max(this.#estimate, this.#rowHeight);
    this.#view =
      this.#scroller.clientHeight -
      Number.parseFloat(style.paddingTop) -
      Number.parseFloat(style.paddingBottom);
  }

  get count() {
    return this.#count;
  }

  set count(count) {
    if (count === this.#count) return;
    this.#count = count;
    this.#mustAlign = true;
    this.draw();
  }

  /** The row at the top of the view, with a fraction. */
  get top() {
    return this.#top;
  }

  /** The rows in view, the first and the last. */
  get inView() {
    const first = Math.floor(this.#top);
    let last = first;
    let bottom = this.#heightOf(first) * (1 - (this.#top % 1));
    while (last < this.#count - 1 && bottom < this.#view - 1) bottom += this.#heightOf(++last);
    return [first, last];
  }

  get isFollowing() {
    return this.#isFollowing;
  }

  set isFollowing(is) {
    if (is === this.#isFollowing) return;
    this.#isFollowing = is;
    this.#on.following(is);
    if (is) {
      this.#mustAlign = true;
      this.draw();
    }
  }

  set wraps(wraps) {
    if (wraps === this.#wraps) return;
    this.#wraps = wraps;
    this.#width = 0;
    this.#rows.style.minWidth = "";
    this.#heights.clear();
    this.#estimate = this.#rowHeight;
    this.#mustAlign = true;
    this.draw();
  }

  /** Put a row at the top, or with `share` lower in the view: 0.5 is the middle. */
  goTo(row, share = 0) {
    this.#aim = this.#wraps ? { row, share } : null;
    this.#top = this.#wraps
      ? row
      : row - (Math.max(0, this.#view - this.#rowHeight) * share) / this.#rowHeight;
    this.#top = this.#clamp(this.#top);
    this.#mustAlign = true;
    this.draw();
  }

  /** Whether a row is wholly in view. */
  shows(row) {
    const [first, last] = this.inView;
    if (row < first || row > last) return false;
    let top = -(this.#top % 1) * this.#heightOf(first);
    for (let above = first; above < row; above++) top += this.#heightOf(above);
    return top >= -1 && (top + this.#heightOf(row) <= this.#view + 1 || row === first);
  }

  element(key) {
    return this.#elements.get(key);
  }

  get elements() {
    return this.#elements;
  }

  /** The height of a row may have changed. */
  forget(key) {
    this.#heights.delete(key);
  }

  clear() {
    for (const element of this.#elements.values()) element.remove();
    this.#elements.clear();
    this.#heights.clear();
    this.draw();
  }

  /** Draw with the next frame, once for all that changes until then. */
  draw() {
    this.#frame ??= requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    this.#setSpacer();
    if (this.#isFollowing) this.#aim = null;
    if (this.#isFollowing) this.#top = this.#lastTop;
    else if (this.#aim) this.#top = this.#aim.row;
    this.#top = this.#clamp(this.#top);
    const [first, last] = this.#range();
    this.#arrange(first, last);
    if (this.#wraps) this.#alignMeasured(first);
    else this.#align(first);
    this.#on.drawn(first, last);
  }

  // Where things are

  get #isExact() {
    return !this.#wraps && this.#count * this.#rowHeight <= MOST_PX;
  }

  get #usualHeight() {
    return this.#wraps ? this.#estimate : this.#rowHeight;
  }

  /** The `top` at the end, where rows have the usual height. */
  get #lastTop() {
    return Math.max(0, this.#count - this.#view / this.#usualHeight);
  }

  get #lastScroll() {
    return Math.max(0, this.#spacerHeight - this.#view);
  }

  #clamp(top) {
    return Math.max(0, Math.min(top, this.#wraps ? Math.max(0, this.#count - 0.01) : this.#lastTop));
  }

  #setSpacer() {
    const height = Math.min(MOST_PX, Math.round(this.#count * this.#usualHeight));
    if (height === this.#spacerHeight) return;
    this.#spacerHeight = height;
    this.#spacer.style.height = `${height}px`;
  }

  #range() {
    const rows = Math.ceil(this.#view / this.#rowHeight) + 1;
    const top = Math.floor(this.#top);
    // Above a place that one goes to, or the end, as many as there can be in view.
    const above = this.#aim || (this.#wraps && this.#isFollowing) ? rows : MORE_ROWS;
    return [Math.max(0, top - above), Math.min(this.#count - 1, top + rows + MORE_ROWS)];
  }

  #heightOf(row) {
    if (!this.#wraps) return this.#rowHeight;
    return this.#heights.get(this.#on.key(row)) ?? this.#estimate;
  }

  /** Have exactly these rows in the document, in order, and those that must stay. */
  #arrange(first, last) {
    const keys = [];
    for (let row = first; row <= last; row++) keys.push(this.#on.key(row));
    const wanted = new Set(keys);
    for (const [key, element] of this.#elements) {
      if (wanted.has(key)) element.classList.remove("kept");
      else if (this.#on.keeps(element)) element.classList.add("kept");
      else {
        element.remove();
        this.#elements.delete(key);
      }
    }
    let next = this.#rows.firstElementChild;
    for (const key of keys) {
      while (next?.classList.contains("kept") && next.key < key) next = next.nextElementSibling;
      let element = this.#elements.get(key);
      if (element === undefined) {
        element = this.#on.make(key);
        element.key = key;
        this.#elements.set(key, element);
      }
      if (element === next) next = next.nextElementSibling;
      else this.#rows.insertBefore(element, next);
    }
  }

  /** Place the rows, and the scroll bar, where rows have one height. */
  #align(first) {
    if (this.#isExact) {
      this.#place(first * this.#rowHeight);
      if (this.#mustAlign) this.#scrollTo(this.#top * this.#rowHeight);
    } else {
      if (this.#mustAlign) this.#scrollTo(this.#share());
      this.#place(this.#scrolled - (this.#top - first) * this.#rowHeight);
    }
    this.#mustAlign = false;
  }

  /** The same for rows that wrap: one look at where the browser put them. */
  #alignMeasured(first) {
    const elements = [...this.#rows.children].filter((element) => !element.classList.contains("kept"));
    if (elements.length === 0) return;
    const tops = elements.map((element) => element.offsetTop);
    const whole = this.#rows.offsetHeight;
    tops.push(whole);
    for (const [index, element] of elements.entries()) {
      this.#heights.set(element.key, tops[index + 1] - tops[index]);
    }
    const index = Math.min(elements.length - 1, Math.floor(this.#top) - first);
    let above = tops[index] + (this.#top % 1) * (tops[index + 1] - tops[index]);
    if (this.#aim) above = Math.max(0, above - this.#aim.share * (this.#view - this.#rowHeight));
    const lowest = Math.max(0, whole - this.#view);
    this.#isAtEnd = first + elements.length >= this.#count && (this.#isFollowing || above >= lowest - 1);
    if (this.#isAtEnd) above = lowest;
    if (this.#isAtEnd || this.#aim) {
      const at = Math.max(
        0,
        tops.findLastIndex((top, place) => top <= above && place < elements.length),
      );
      this.#top = first + at + (above - tops[at]) / Math.max(1, tops[at + 1] - tops[at]);
    }
    if (this.#mustAlign) this.#scrollTo(this.#isAtEnd ? this.#lastScroll : this.#share());
    this.#place(this.#scrolled - above);
    this.#mustAlign = false;
  }

  /** Where the scroll bar belongs. */
  #share() {
    return this.#lastTop === 0 ? 0 : Math.min(1, this.#top / this.#lastTop) * this.#lastScroll;
  }

  #place(top) {
    this.#rows.style.top = `${top}px`;
  }

  #scrollTo(place) {
    if (Math.abs(this.#scroller.scrollTop - place) >= 0.5) this.#scroller.scrollTop = place;
    // As the browser took it: it rounds, and knows its limits.
    this.#scrolled = this.#scroller.scrollTop;
  }

  // What the reader does

  #onPointer({ target, offsetX, offsetY }) {
    // Beside what the element shows: on its scroll bar.
    this.#isDragging =
      target === this.#scroller &&
      (offsetX >= this.#scroller.clientWidth || offsetY >= this.#scroller.clientHeight);
  }

  #onScroll() {
    this.#keepWidth();
    const place = this.#scroller.scrollTop;
    const moved = place - this.#scrolled;
    if (Math.abs(moved) < 0.5) return;
    this.#scrolled = place;
    this.#aim = null;
    if (this.#isExact) this.#top = place / this.#rowHeight;
    else if (this.#isSmall(moved)) this.#moveBy(moved);
    else if (place >= this.#lastScroll - 0.5) this.#top = this.#count;
    else this.#top = (place / this.#lastScroll) * this.#lastTop;
    this.#top = this.#clamp(this.#top);
    if (moved < 0) this.isFollowing = false;
    this.drawNow();
    if (moved > 0 && this.isAtEnd && this.#on.mayFollow()) this.isFollowing = true;
    this.#rest ??= setTimeout(() => this.#atRest(), REST_MS);
    this.#moved = performance.now();
    // At the end of the bar, but not of the rows.
    const isStuck = (place <= 0 && this.#top > 0) || (place >= this.#lastScroll - 0.5 && !this.isAtEnd);
    if (isStuck && !this.#isDragging) this.#alignBar();
  }

  /** Who has scrolled sideways stays there, also when the longest row leaves the document. */
  #keepWidth() {
    if (this.#wraps || this.#scroller.scrollLeft === 0 || this.#rows.offsetWidth <= this.#width) return;
    this.#width = this.#rows.offsetWidth;
    this.#rows.style.minWidth = `${this.#width}px`;
  }

  #isSmall(moved) {
    if (this.#isDragging) return false;
    return Math.abs(moved) < JUMP_VIEWS * this.#view || performance.now() - this.#wheeled < WHEEL_MS;
  }

  get isAtEnd() {
    if (this.#wraps) return this.#isAtEnd;
    return this.#top >= this.#lastTop - 0.4;
  }

  #atRest() {
    clearTimeout(this.#rest);
    this.#rest = null;
    if (this.#isExact || this.#isDragging) return;
    this.#estimateHeights();
    if (performance.now() - this.#moved < REST_MS - 10) {
      this.#rest = setTimeout(() => this.#atRest(), REST_MS);
      return;
    }
    this.#alignBar();
  }

  /** Take rows that were not seen for as high as those that were are on average. */
  #estimateHeights() {
    if (!this.#wraps || this.#heights.size === 0) return;
    let sum = 0;
    for (const height of this.#heights.values()) sum += height;
    this.#estimate = Math.max(this.#rowHeight, sum / this.#heights.size);
    if (this.#heights.size > MOST_HEIGHTS) this.#heights.clear();
  }

  #alignBar() {
    this.#mustAlign = true;
    this.drawNow();
  }

  #moveBy(pixels) {
    let row = Math.floor(this.#top);
    let into = (this.#top - row) * this.#heightOf(row) + pixels;
    while (into < 0 && row > 0) into += this.#heightOf(--row);
    while (row < this.#count - 1 && into >= this.#heightOf(row)) into -= this.#heightOf(row++);
    this.#top = Math.max(0, row + into / this.#heightOf(row));
  }
}
