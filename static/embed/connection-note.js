// What an element says of its connection; nothing while all is well.

import { makeStatus } from "chef/embed/make.js";
import { age } from "chef/format.js";
import { setText } from "chef/nodes.js";
import { texts } from "chef/texts.js";

/** @import { Connected } from "chef-client" */

// So long an element waits for a job that is not there before it says so.
const MISSING_MS = 5_000;
/** States in which what is shown is as it is now. */
const PRESENT = new Set(["live", "polling", "ended", "waiting"]);
/** States that are said only when they last. */
const PASSING = new Set(["connecting", "paused"]);
const SLOW_MS = 500;

export class ConnectionNote {
  element = makeStatus("connection");
  #state = "connecting";
  /** @type {string | null} */
  #reason = null;
  #since = Date.now();
  /** @type {number | null} */
  #updatedAt = null;
  #known = 0;

  /** Whether what is shown is as it is now. */
  get isPresent() {
    return PRESENT.has(this.#state);
  }

  /**
   * @param {Connected} connection
   * @param {string | null | undefined} updatedAt when the newest update came
   */
  update({ state, reason }, updatedAt) {
    if (state !== this.#state) this.#since = Date.now();
    [this.#state, this.#reason] = [state, reason];
    this.#updatedAt = updatedAt ? Date.parse(updatedAt) : null;
  }

  /**
   * Until when what is shown is known. Without a connection nothing goes on by itself: nobody knows whether it
   * does.
   *
   * @param {number} now by the server's clock
   */
  knownUntil(now) {
    if (this.isPresent || this.#known === 0) this.#known = now;
    return this.#known;
  }

  /** @param {number} now by the server's clock */
  tick(now) {
    this.element.dataset.state = this.#state;
    setText(this.element, this.#words(now));
  }

  /** @param {number} now */
  #words(now) {
    const lasted = Date.now() - this.#since;
    if (PASSING.has(this.#state)) return lasted < SLOW_MS ? "" : texts.connection.connecting;
    switch (this.#state) {
      case "waiting":
        return lasted < MISSING_MS ? texts.waitingForJob : texts.noJob;
      case "reconnecting":
        return this.#withAge(texts.connection.reconnecting, now);
      case "unauthorized":
        return texts.embed.unauthorized;
      case "forbidden":
        return texts.embed.forbidden;
      case "not-found":
      case "refused":
        return texts.embed.refused(this.#reason ?? "");
      default:
        return "";
    }
  }

  /**
   * @param {string} words
   * @param {number} now
   */
  #withAge(words, now) {
    return this.#updatedAt === null ? words : `${words} · ${texts.updated(age(now - this.#updatedAt))}`;
  }
}
