// The marked lines of a log, which the page's address names: `#L120`, `#L120-L140`.

const HASH = /^#L([1-9]\d{0,14})(?:-L?([1-9]\d{0,14}))?$/;

/** @typedef {[first: number, last: number]} LineRange */

export class MarkedLines {
  /** @type {LineRange | null} */
  #range = null;
  /** The line that a finger marked last, alone. @type {number | null} */
  #tapped = null;
  /** @type {(() => void)[]} */
  #listeners = [];

  /** The first and the last marked line, or null. */
  get range() {
    return this.#range;
  }

  /** @param {number} number */
  has(number) {
    return this.#range !== null && number >= this.#range[0] && number <= this.#range[1];
  }

  /**
   * Call `changed` whenever other lines are marked.
   *
   * @param {() => void} changed
   */
  listen(changed) {
    this.#listeners.push(changed);
  }

  /**
   * Mark the lines that the page's address names; returns the first of them, or null for none.
   */
  readAddress() {
    const found = HASH.exec(location.hash);
    if (!found) return null;
    const [from, to] = [Number(found[1]), Number(found[2] ?? found[1])];
    const first = Math.min(from, to);
    this.#set([first, Math.max(from, to)]);
    return first;
  }

  /**
   * Mark lines and put them into the page's address.
   *
   * @param {number} first
   * @param {number} last
   */
  mark(first, last) {
    history.replaceState(null, "", first === last ? `#L${first}` : `#L${first}-L${last}`);
    this.#set([first, last]);
  }

  /** Mark no lines, whatever the page's address names. */
  forget() {
    if (this.#range !== null) this.#set(null);
  }

  /** Mark no lines. */
  clear() {
    if (this.#range === null) return;
    history.replaceState(null, "", location.pathname + location.search);
    this.#set(null);
  }

  /**
   * Mark the line whose number is clicked, with Shift all lines to it; returns whether it was a number.
   *
   * A finger has no Shift: its second tap marks all lines to the first one, the third begins anew.
   *
   * @param {MouseEvent} event
   */
  takeClick(event) {
    /** @type {HTMLElement | null} */
    const link = event.target instanceof Element ? event.target.closest("a.n") : null;
    if (!link || event.ctrlKey || event.metaKey) return false;
    event.preventDefault();
    const number = Number(link.dataset.n);
    const other = event.shiftKey ? (this.#range?.[0] ?? number) : (this.#tapped ?? number);
    if (event.shiftKey) getSelection()?.removeAllRanges();
    this.mark(Math.min(number, other), Math.max(number, other));
    this.#tapped = isTap(event) && other === number ? number : null;
    return true;
  }

  /** @param {LineRange | null} range */
  #set(range) {
    this.#range = range;
    this.#tapped = null;
    for (const changed of this.#listeners) changed();
  }
}

/**
 * Whether a finger clicked. Where a click does not tell, the screen does.
 *
 * @param {MouseEvent} event
 */
function isTap(event) {
  const pointer = "pointerType" in event ? event.pointerType : null;
  return pointer ? pointer === "touch" : matchMedia("(pointer: coarse)").matches;
}
