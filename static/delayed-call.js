// Calls that wait a moment, so that many reasons for one call lead to one.

/** A call that is made once, however often it is asked for until then. */
export class DelayedCall {
  /** @type {() => void} */
  #action;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #timer = null;

  /** @param {() => void} action */
  constructor(action) {
    this.#action = action;
  }

  /**
   * Call after so many milliseconds, or at the moment that was named before.
   *
   * @param {number} milliseconds
   */
  after(milliseconds) {
    this.#timer ??= setTimeout(() => this.now(), milliseconds);
  }

  /** Call now, and not again at the moment that was named before. */
  now() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#action();
  }
}
