// The button that leads a reader back to a log's end, and says how many lines came.

import { setText } from "chef/nodes.js";
import { texts } from "chef/texts.js";

export class JumpButton {
  #button;
  // How many lines there were when the reader stopped following.
  #seen = 0;

  /**
   * @param {HTMLElement} button
   * @param {HTMLElement} scroller that it lies over
   * @param {() => void} jump
   */
  constructor(button, scroller, jump) {
    this.#button = button;
    button.addEventListener("click", () => {
      jump();
      scroller.focus({ preventScroll: true });
    });
    // The log is to be scrolled also where the button lies over it.
    const scroll = (/** @type {WheelEvent} */ event) => scroller.scrollBy(event.deltaX, event.deltaY);
    button.addEventListener("wheel", scroll, { passive: true });
  }

  /**
   * All lines up to here were seen.
   *
   * @param {number} total
   */
  noteSeen(total) {
    this.#seen = total;
  }

  /**
   * @param {{ isFollowing: boolean, isAtEnd: boolean }} place
   * @param {number} total how many lines there are
   */
  show({ isFollowing, isAtEnd }, total) {
    this.#button.hidden = isFollowing || (isAtEnd && this.#seen === total);
    const count = total - this.#seen;
    if (!isFollowing) setText(this.#button, count > 0 ? texts.newLines(count) : texts.toEnd);
  }
}
