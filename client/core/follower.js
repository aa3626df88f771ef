// What jobs and projects that are followed have in common: a state for readers, and telling of its changes.

/** @import { Connected, ConnectionState, Job, WatchOptions } from "../client.d.ts" */

export const FRAME_MS = 16;
const READ_AGAIN_MS = 250;

/**
 * The connection as its follower has it. `get` reads over HTTP, null where there is nothing; `fail` ends the
 * connection. A stream tells its end (`hasEnd`); where it could not stay open, it is asked for again and again.
 *
 * @typedef {{ get: (path: string) => Promise<any>, fail: (error: unknown) => void, hasEnd: boolean, isPolled: boolean }} Link
 */

/** How a subscription begins. @typedef {{ epoch?: string, complete?: boolean, seq?: number, job?: Job | null }} Opening */

/**
 * Is told how a subscription begins, and each event of it.
 *
 * @typedef {{ opened: (opening: Opening) => void, receive: (name: string, event: any) => void }} Listener
 */

/** @template State */
export class Follower {
  /** @type {Link} */
  link = { get: async () => null, fail: () => {}, hasEnd: false, isPolled: false };
  /** @type {Connected} */
  connection = { state: "connecting", reason: null };
  // A stream said that it is at its end: it is only looked for more now and then.
  isOver = false;
  isStale = false;
  /** @type {State} */
  state = /** @type {any} */ (null);
  #onChange;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #isTelling = false;
  #toldAt = 0;
  /** @type {Promise<void> | null} */
  #reading = null;

  /** @param {WatchOptions<State>} options */
  constructor({ onChange }) {
    this.#onChange = onChange;
  }

  /** Tell of a change, once for all that come at once or within some time. */
  changed(pauseMs = FRAME_MS) {
    if (this.#isTelling) return;
    this.#isTelling = true;
    const restMs = this.#toldAt + pauseMs - Date.now();
    // A timer that is not needed would be behind all that has come for the page meanwhile.
    if (restMs > 0) this.#timer = setTimeout(() => this.#tell(), restMs);
    else queueMicrotask(() => this.#tell());
  }

  #tell() {
    this.#isTelling = false;
    this.#toldAt = Date.now();
    this.state = this.snapshot();
    this.#onChange?.(this.state);
  }

  /**
   * @param {ConnectionState} state
   * @param {string | null} [reason]
   */
  show(state, reason = null) {
    if (state === this.connection.state && reason === this.connection.reason) return;
    this.connection = { state, reason };
    this.changed();
  }

  /** Read what events do not tell, and once more where something came meanwhile. */
  read() {
    this.isStale = true;
    this.#reading ??= this.#readUntilFresh()
      .catch((error) => this.link.fail(error))
      .finally(() => {
        this.#reading = null;
      });
    return this.#reading;
  }

  async #readUntilFresh() {
    while (this.isStale) {
      this.isStale = false;
      await this.readOnce();
      if (this.isStale) await new Promise((resolve) => setTimeout(resolve, READ_AGAIN_MS));
    }
  }

  close() {
    clearTimeout(this.#timer);
    this.#onChange = undefined;
    this.connection = { state: "closed", reason: null };
    this.state = this.snapshot();
  }

  // The rest is of each kind.

  /** @type {string[]} */
  events = [];

  /** The address of what comes next. */
  get stream() {
    return "";
  }

  /** The same for Socket.IO. @returns {[string, object]} */
  get subscription() {
    return ["", {}];
  }

  /** @returns {State} */
  snapshot() {
    return this.state;
  }

  async prepare() {}

  async readOnce() {}

  /** @param {Opening} _opening */
  opened(_opening) {}

  /**
   * @param {string} _name
   * @param {any} _event
   */
  receive(_name, _event) {}

  /** @returns {Promise<number>} */
  async ended() {
    return 0;
  }
}
