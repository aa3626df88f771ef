// A reader's hand on a scroll bar: whether it drags, turns a wheel, or rests.

// Movements larger than so many views are jumps of the scroll bar, unless a wheel was just turned.
const JUMP_VIEWS = 2;
const WHEEL_MS = 400;
const REST_MS = 140;
// So long a movement of the browser's own may go on that began before a jump: that of Page Up does in Chromium.
const LEFT_OVER_MS = 400;
// A movement of which nothing was heard for so long is over.
const MOVING_MS = 100;
const MOVING_KEYS = ["PageUp", "PageDown", "ArrowUp", "ArrowDown", " "];
const HANDS = ["wheel", "pointerdown", "touchstart", "touchmove", "keydown"];
const RELEASES = ["pointerup", "pointercancel"];

export class ScrollInput {
  #scroller;
  #rested;
  #isDragging = false;
  #wheeledAt = -WHEEL_MS;
  #movedAt = -MOVING_MS;
  #jumpedAt = -LEFT_OVER_MS;
  #touchedAt = 0;
  #keyedAt = -LEFT_OVER_MS;
  #mayGoOn = false;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #rest = null;

  /**
   * @param {HTMLElement} scroller
   * @param {{ scrolled: () => void, rested: () => void }} owner
   */
  constructor(scroller, { scrolled, rested }) {
    this.#scroller = scroller;
    this.#rested = rested;
    scroller.addEventListener("scroll", scrolled, { passive: true });
    scroller.addEventListener("scrollend", () => this.#atRest(), { passive: true });
    scroller.addEventListener("wheel", () => this.#onWheel(), { passive: true });
    scroller.addEventListener("pointerdown", (event) => this.#onPointer(event), { passive: true });
    const touched = () => {
      this.#touchedAt = performance.now();
    };
    for (const name of HANDS) scroller.addEventListener(name, touched, { passive: true, capture: true });
    scroller.addEventListener("keydown", ({ key }) => {
      if (MOVING_KEYS.includes(key)) this.#keyedAt = performance.now();
    });
  }

  /** Whether the scroll bar itself is held. */
  get isDragging() {
    return this.#isDragging;
  }

  /** Whether a movement began before a jump, and is not the reader's: nothing was touched since. */
  get isLeftOver() {
    const isSoon = performance.now() - this.#jumpedAt < LEFT_OVER_MS;
    return this.#mayGoOn && isSoon && this.#touchedAt <= this.#jumpedAt;
  }

  /** Take note of a jump: the place is another one now, whatever the browser still moves. */
  noteJump() {
    const now = performance.now();
    const isLeft = this.isLeftOver;
    this.#mayGoOn = isLeft || now - this.#movedAt < MOVING_MS || now - this.#keyedAt < LEFT_OVER_MS;
    this.#jumpedAt = now;
  }

  #onWheel() {
    this.#wheeledAt = performance.now();
  }

  /** @param {PointerEvent} event */
  #onPointer({ target, offsetX, offsetY }) {
    // Outside of the element's content: on its scroll bar.
    this.#isDragging =
      target === this.#scroller &&
      (offsetX >= this.#scroller.clientWidth || offsetY >= this.#scroller.clientHeight);
    // Wherever it is let go; the window keeps no scroller that is gone.
    const release = () => {
      this.#isDragging = false;
      for (const name of RELEASES) removeEventListener(name, release);
    };
    if (this.#isDragging) for (const name of RELEASES) addEventListener(name, release);
  }

  /**
   * Whether a movement is one by pixels, and no jump.
   *
   * @param {number} moved
   * @param {number} view the height of the view
   */
  isSmall(moved, view) {
    if (this.#isDragging) return false;
    return Math.abs(moved) < JUMP_VIEWS * view || performance.now() - this.#wheeledAt < WHEEL_MS;
  }

  /** Take note of a movement: rest comes a while after the last one. */
  noteMoved() {
    this.#rest ??= setTimeout(() => this.#atRest(), REST_MS);
    this.#movedAt = performance.now();
  }

  /** Wait on if the last movement is not long ago; returns whether that is so. */
  waitForRest() {
    if (performance.now() - this.#movedAt >= REST_MS - 10) return false;
    this.#rest = setTimeout(() => this.#atRest(), REST_MS);
    return true;
  }

  #atRest() {
    if (this.#rest !== null) clearTimeout(this.#rest);
    this.#rest = null;
    this.#rested();
  }
}
