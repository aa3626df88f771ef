// Few streams for many tabs: by HTTP/1.1 a browser has six connections to a server, for all of its tabs together.
//
// A tab that is looked at holds one of a few slots while it has a stream (Web Locks); a tab without a slot asks now
// and then. Browsers have no locks for pages without https: there only hidden tabs give their streams up.

const SLOTS = 3;

export class StreamSlot {
  /** Gives the slot back; null while none is held. @type {(() => void) | null} */
  #release = null;

  /** @param {() => void} changed is told that the slot was given back, or that one may be taken again */
  constructor(changed) {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.release();
      changed();
    });
  }

  /** Take a slot if one is free; promises whether it is held. */
  async take() {
    if (document.hidden) return false;
    if (this.#release !== null) return true;
    if (!navigator.locks) {
      this.#release = () => {};
      return true;
    }
    for (let slot = 0; slot < SLOTS; slot++) {
      const release = await hold(`chef.stream.${slot}`);
      if (this.#release === null) this.#release = release;
      else release?.();
      if (this.#release !== null) return true;
    }
    return false;
  }

  release() {
    this.#release?.();
    this.#release = null;
  }
}

/**
 * Hold a lock if it is free; promises the function that gives it back, or null.
 *
 * @param {string} name
 * @returns {Promise<(() => void) | null>}
 */
function hold(name) {
  return new Promise((resolve) => {
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) {
        resolve(null);
        return undefined;
      }
      return new Promise((release) => resolve(() => release(undefined)));
    });
  });
}
