// Notices within three seconds that a connection has gone silent, which TCP by itself tells after a minute, or never.
//
// Only while somebody looks. Silence is said at once; the connection is given up only after a while, since a
// slow network answers late.

/** @import { Socket } from "socket.io-client" */

const LOOK_MS = 400;
const QUIET_MS = 1_200;
const STREAM_QUIET_MS = 1_600;
const ANSWER_MS = 1_200;
const GIVE_UP_MS = 8_000;
const TELL_MS = 500;

/** Is told whenever something comes, and when nothing will any more. @typedef {Record<"heard" | "stop", () => void>} Listener */
/** @typedef {{ showSilence: (isSilent: boolean) => void }} SilenceDisplay */

export class Watchdog {
  /** @type {() => boolean | void} */
  #ask;
  /** @type {(isSilent: boolean) => void} */
  #show;
  /** @type {() => void} */
  #giveUp;
  /** @type {number} */
  #quietMs;
  #heardAt = Date.now();
  /** @type {number | null} */
  #askedAt = null;
  #isSilent = false;
  #stopped = new AbortController();

  /**
   * `ask` provokes an answer, or returns false where it cannot; `giveUp` ends the connection.
   *
   * @param {object} options
   * @param {() => boolean | void} options.ask
   * @param {(isSilent: boolean) => void} options.show
   * @param {() => void} options.giveUp
   * @param {number} [options.quietMs]
   */
  constructor({ ask, show, giveUp, quietMs = QUIET_MS }) {
    [this.#ask, this.#show, this.#giveUp, this.#quietMs] = [ask, show, giveUp, quietMs];
    const looking = setInterval(() => this.#look(), LOOK_MS);
    const { signal } = this.#stopped;
    signal.addEventListener("abort", () => clearInterval(looking));
    addEventListener("offline", () => this.#setSilent(true), { signal });
    const online = () => {
      this.#heardAt = 0;
      this.#askedAt = null;
    };
    addEventListener("online", online, { signal });
  }

  /** Watch no longer. */
  stop() {
    this.#setSilent(false);
    this.#stopped.abort();
  }

  /** Something came. */
  heard() {
    this.#heardAt = Date.now();
    this.#askedAt = null;
    this.#setSilent(false);
  }

  #look() {
    if (document.hidden) return;
    const at = Date.now();
    if (this.#askedAt === null) {
      if (at - this.#heardAt >= this.#quietMs && this.#ask() !== false) this.#askedAt = at;
    } else if (at - this.#askedAt >= GIVE_UP_MS) {
      this.#askedAt = null;
      this.#heardAt = at;
      this.#giveUp();
    } else if (at - this.#askedAt >= ANSWER_MS) this.#setSilent(true);
  }

  /** @param {boolean} isSilent */
  #setSilent(isSilent) {
    if (isSilent === this.#isSilent) return;
    this.#isSilent = isSilent;
    this.#show(isSilent);
  }
}

/**
 * Watch over a Socket.IO client.
 *
 * @param {Socket} socket
 * @param {SilenceDisplay} page
 * @returns {Listener}
 */
export function watchSocket(socket, page) {
  const watchdog = new Watchdog({
    ask() {
      if (!socket.connected) return false;
      // Leaving a room that one never joined changes nothing, and is answered.
      socket.emit("unsubscribe:project", "-", () => watchdog.heard());
      return true;
    },
    show: (isSilent) => page.showSilence(isSilent),
    giveUp: () => socket.io.engine?.close(),
  });
  socket.io.on("open", () => {
    watchdog.heard();
    socket.io.engine.on("packet", () => watchdog.heard());
  });
  return watchdog;
}

/**
 * Watch over an event stream, whose keep-alive comments a page cannot see: the server is asked beside it.
 *
 * @param {SilenceDisplay} page
 * @param {() => void} reopen
 * @returns {Listener}
 */
export function watchStream(page, reopen) {
  /** @type {AbortController | null} */
  let asking = null;
  // A request may wait in the browser behind those of other tabs: what they hear counts here too.
  const others = new BroadcastChannel("chef.heard");
  const watchdog = new Watchdog({
    ask() {
      asking?.abort();
      asking = new AbortController();
      fetch("/favicon.svg", { method: "HEAD", cache: "no-store", signal: asking.signal }).then(
        heard,
        () => {},
      );
    },
    show: (isSilent) => page.showSilence(isSilent),
    giveUp: reopen,
    // A request costs more than a packet.
    quietMs: STREAM_QUIET_MS,
  });
  others.addEventListener("message", () => watchdog.heard());
  let toldAt = 0;
  function heard() {
    watchdog.heard();
    if (Date.now() - toldAt < TELL_MS) return;
    toldAt = Date.now();
    others.postMessage(null);
  }
  return { heard, stop: () => watchdog.stop() };
}
