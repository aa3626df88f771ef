// The connection of a follower: open until it is closed or refused, over breaks, hidden tabs and expired tokens.

import { followBySocket } from "./socket.js";
import { Refused, readJson, readStream } from "./stream.js";

/** @import { ConnectionState, WatchOptions } from "../client.d.ts" */
/** @import { Follower, Listener } from "./follower.js" */

/** Why a connection ended, where that is no fault: it was closed or left by a hidden page, or begins anew. */
export const LEFT = new Error("left");

const RETRY_MS = 500;
const RETRY_MOST_MS = 15_000;
const HIDDEN_AFTER_MS = 10_000;
const POLL_MS = 2_000;
// By HTTP/1.1 a browser has six connections to a server, for all of its requests.
const MOST_STREAMS = 4;
/** @type {Record<number, ConnectionState>} */
const FINAL_STATES = { 401: "unauthorized", 403: "forbidden", 404: "not-found" };
const PASSING = [408, 425, 429];

const global = /** @type {any} */ (globalThis);
// One for a page, even where it has loaded this module from several addresses.
const shared = Symbol.for("chef.streams");
global[shared] ??= new Map();
/** How many streams this page has open, by server. @type {Map<string, number>} */
const streams = global[shared];

export class Connection {
  #server;
  /** @type {WatchOptions<any>} */
  #options;
  /** @type {Follower<any>} */
  #follower;
  #present = new AbortController();
  #closed = new AbortController();
  #wake = () => {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #hiding;
  #isPaused = false;
  #isRefused = false;
  #isTokenRefused = false;
  #failures = 0;
  /** @type {Listener} */
  #listener = {
    opened: (opening) => {
      this.#isTokenRefused = false;
      this.#follower.opened(opening);
    },
    receive: (name, event) => {
      if (event.seq) this.#failures = 0;
      this.#follower.receive(name, event);
    },
  };

  /**
   * @param {string | null | undefined} server
   * @param {WatchOptions<any>} options
   * @param {Follower<any>} follower
   */
  constructor(server, options, follower) {
    this.#server = new URL(server || "/", globalThis.location?.href).href.replace(/\/+$/, "");
    [this.#options, this.#follower] = [options, follower];
    const { signal } = this.#closed;
    globalThis.document?.addEventListener("visibilitychange", () => this.#look(), { signal });
    globalThis.addEventListener?.("online", () => this.#isRefused || this.#wake(), { signal });
    this.#look();
    this.#run();
  }

  /** Connect now: after a refusal, or instead of at the next time. */
  retry() {
    this.#wake();
  }

  close() {
    clearTimeout(this.#hiding);
    this.#closed.abort();
    this.#present.abort(LEFT);
    this.#wake();
  }

  /** A hidden page gives its connection up after a while, and takes it up where it left it. */
  #look() {
    clearTimeout(this.#hiding);
    const { hiddenAfter = HIDDEN_AFTER_MS } = this.#options;
    if (globalThis.document?.hidden) {
      if (hiddenAfter < 2 ** 31) this.#hiding = setTimeout(() => this.#pause(true), hiddenAfter);
    } else this.#pause(false);
  }

  /** @param {boolean} isPaused */
  #pause(isPaused) {
    const isOver = this.#follower.isOver;
    if (isPaused === this.#isPaused && !isOver) return;
    this.#isPaused = isPaused;
    if (this.#isRefused) return;
    if (isPaused) this.#present.abort(LEFT);
    this.#wake();
  }

  async #run() {
    // A watch that is closed at once, as by React's StrictMode, never connects.
    await null;
    while (!this.#closed.signal.aborted) {
      if (this.#isPaused) {
        this.#show("paused", "the page is hidden");
        await this.#sleep(Number.POSITIVE_INFINITY);
        this.#show("connecting");
      } else {
        const restMs = await this.#connect();
        if (restMs) await this.#sleep(restMs);
        if (this.#isRefused) this.#show("connecting");
        this.#isRefused = false;
      }
    }
  }

  /**
   * Show a state, unless all of a job is here.
   *
   * @param {ConnectionState} state
   * @param {string} [reason]
   */
  #show(state, reason) {
    if (!this.#follower.isOver && !this.#closed.signal.aborted) this.#follower.show(state, reason);
  }

  /** @param {number} ms until it is woken, at most */
  #sleep(ms) {
    return new Promise((resolve) => {
      const timer = ms < 2 ** 31 ? setTimeout(resolve, ms) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
      if (this.#closed.signal.aborted) this.#wake();
    });
  }

  /** One connection from its beginning to its end; promises how long to rest (ms) before the next one. */
  async #connect() {
    const present = new AbortController();
    this.#present = present;
    try {
      const { token } = this.#options;
      const given = typeof token === "function" ? await token({ refused: this.#isTokenRefused }) : token;
      if (present.signal.aborted) return 0;
      return await this.#follow(present, given);
    } catch (error) {
      const cause = present.signal.aborted ? present.signal.reason : error;
      return cause === LEFT ? 0 : this.#failed(cause);
    } finally {
      present.abort(LEFT);
    }
  }

  /**
   * @param {AbortController} present
   * @param {string | null | undefined} token
   * @returns {Promise<number>}
   */
  async #follow(present, token) {
    const { io } = this.#options;
    const follower = this.#follower;
    /** @type {Record<string, string>} */
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const get = (/** @type {string} */ path) => readJson(this.#server + path, headers, present.signal);
    const fail = (/** @type {unknown} */ error) => present.abort(error);
    follower.link = { get, fail, hasEnd: !io, isPolled: false };
    await follower.prepare();
    if (io) return followBySocket(io, this.#server, token, this.#failures, follower, this.#listener, present);
    const open = streams.get(this.#server) ?? 0;
    if (open >= MOST_STREAMS) {
      follower.link.isPolled = true;
      return this.#poll(headers, present);
    }
    streams.set(this.#server, open + 1);
    try {
      if (await readStream(this.#server + follower.stream, headers, this.#listener, present)) {
        return await follower.ended();
      }
      throw new Error("the connection was closed");
    } finally {
      streams.set(this.#server, (streams.get(this.#server) ?? 1) - 1);
    }
  }

  /**
   * Ask for what there is, since no further stream may stay open.
   *
   * @param {Record<string, string>} headers
   * @param {AbortController} present
   */
  async #poll(headers, present) {
    const follower = this.#follower;
    const { stream } = follower;
    try {
      if (
        stream &&
        (await readStream(`${this.#server}${stream}&follow=0`, headers, this.#listener, present))
      ) {
        return await follower.ended();
      }
    } catch (error) {
      // There may be no such job yet; reading it tells.
      if (!(error instanceof Refused) || error.status !== 404) throw error;
    }
    await follower.read();
    if (present.signal.aborted) throw present.signal.reason;
    return POLL_MS;
  }

  /**
   * @param {any} error
   * @returns {number} how long to rest (ms)
   */
  #failed(error) {
    const { status = 0, retryMs = 0, message } = error;
    if (status === 401 && typeof this.#options.token === "function" && !this.#isTokenRefused) {
      this.#isTokenRefused = true;
      return 0;
    }
    if (error instanceof Refused && status < 500 && !PASSING.includes(status)) {
      this.#isRefused = true;
      this.#isTokenRefused = false;
      this.#follower.show(FINAL_STATES[status] ?? "refused", message);
      return Number.POSITIVE_INFINITY;
    }
    this.#show("reconnecting", message);
    const most = Math.min(RETRY_MOST_MS, RETRY_MS * 2 ** this.#failures++);
    return Math.max(retryMs, most * (0.5 + Math.random() / 2));
  }
}
