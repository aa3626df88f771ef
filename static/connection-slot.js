// Few connections for many tabs: by HTTP/1.1 a browser has six of them to a server, for all of its tabs together.
//
// A tab holds one of a few slots while it keeps a connection busy. A hidden tab gives its slot to one that is looked at.

const SLOTS = 3;
// A lease that nobody renews, its tab being gone, ends so late: hidden tabs may be woken once a minute only.
const LEASE_MS = 75_000;
const RENEW_MS = 15_000;
// A tab that gave its slot away takes none for so long, so that the other one gets it.
const GIVEN_MS = 5_000;
// Two tabs that write a lease at once see after this which of them has it.
const SETTLE_MS = 40;

/** Gives a slot back. @typedef {() => void} Release */

export class ConnectionSlot {
  /** @type {Release | null} */
  #release = null;
  #givenAt = 0;
  // Tells other tabs that one that is looked at has none.
  #wanted = new BroadcastChannel("chef.slot.wanted");

  /** @param {() => void} changed is told that the slot was given away, or that it is time to try again */
  constructor(changed) {
    this.#wanted.addEventListener("message", () => {
      if (!document.hidden || this.#release === null) return;
      this.release();
      this.#givenAt = Date.now();
      changed();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#release === null) changed();
    });
    addEventListener("pagehide", () => this.release());
  }

  /** Take a slot if one is free; promises whether one is held. */
  async take() {
    if (document.hidden && Date.now() - this.#givenAt < GIVEN_MS) return false;
    for (let slot = 0; this.#release === null && slot < SLOTS; slot++) {
      const name = `chef.slot.${slot}`;
      const release = await (navigator.locks ? lock(name) : lease(name));
      if (this.#release === null) this.#release = release;
      else release?.();
    }
    if (this.#release === null && !document.hidden) this.#wanted.postMessage(null);
    return this.#release !== null;
  }

  release() {
    this.#release?.();
    this.#release = null;
  }
}

/**
 * Hold a lock of the browser if it is free.
 *
 * @param {string} name
 * @returns {Promise<Release | null>}
 */
function lock(name) {
  return new Promise((resolve) => {
    navigator.locks.request(name, { ifAvailable: true }, (held) => {
      if (held === null) {
        resolve(null);
        return undefined;
      }
      return new Promise((release) => resolve(() => release(undefined)));
    });
  });
}

/**
 * The same by a note in the tabs' common memory: browsers have no locks for pages without https.
 *
 * @param {string} name
 * @returns {Promise<Release | null>}
 */
async function lease(name) {
  const holder = String(Math.random());
  try {
    if (holderOf(name) !== null) return null;
    write(name, holder);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    if (holderOf(name) !== holder) return null;
  } catch {
    // A browser without that memory has nothing by which tabs could agree.
    return () => {};
  }
  const renewing = setInterval(() => write(name, holder), RENEW_MS);
  return () => {
    clearInterval(renewing);
    if (holderOf(name) === holder) localStorage.removeItem(name);
  };
}

/** @param {string} name */
function holderOf(name) {
  const [holder, until] = (localStorage.getItem(name) ?? "").split(" ");
  return Number(until) > Date.now() ? holder : null;
}

/**
 * @param {string} name
 * @param {string} holder
 */
function write(name, holder) {
  localStorage.setItem(name, `${holder} ${Date.now() + LEASE_MS}`);
}
