// The chip that says how the page is connected and how old what it shows is.

import { isShared } from "chef/base.js";
import { byId, loginUrl, now, setText } from "chef/dom.js";
import { age } from "chef/format.js";
import { texts } from "chef/texts.js";

/** @import { ConnectionState } from "chef/connection-state.js" */

// A younger age says nothing; an older one is what a reader wants to know.
const FRESH_MS = 5_000;
const QUIET_MS = 60_000;
// The states in which a connection is no more when it has gone silent.
const NEEDS_CONNECTION = new Set(["live", "waiting", "catching-up", "ended"]);

export class Chip {
  #element = byId("chip");
  #word = byId("chip-word");
  #age = byId("chip-age");
  /** @type {ConnectionState} */
  #state = "connecting";
  #isSilent = false;
  /** @type {number | null} */
  #updatedAt = null;
  #isOfOne;

  /**
   * `isOfOne`: the page is about one thing, which is quiet when it has not been updated for long.
   *
   * @param {{ isOfOne?: boolean }} [options]
   */
  constructor({ isOfOne = false } = {}) {
    this.#isOfOne = isOfOne;
    this.#paint();
  }

  /** @param {ConnectionState} state */
  show(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#paint();
  }

  /**
   * Whether the connection says nothing although it was asked.
   *
   * @param {boolean} isSilent
   */
  set silent(isSilent) {
    this.#isSilent = isSilent;
    this.#paint();
  }

  /** @returns {ConnectionState} */
  get #shown() {
    return this.#isSilent && NEEDS_CONNECTION.has(this.#state) ? "reconnecting" : this.#state;
  }

  /**
   * When the newest update came, in milliseconds by the server's clock.
   *
   * @param {number} at
   */
  set updatedAt(at) {
    this.#updatedAt = Math.max(at, this.#updatedAt ?? 0);
    this.tick();
  }

  /** Say the age anew. */
  tick() {
    const past = this.#updatedAt === null ? 0 : now() - this.#updatedAt;
    const tellsAge = past >= FRESH_MS && !["ended", "connecting"].includes(this.#shown);
    const words = this.#isOfOne && past >= QUIET_MS && this.#shown === "live" ? texts.quiet : texts.updated;
    setText(this.#age, tellsAge ? `· ${words(age(past))}` : "");
    // On a phone there is room for the time alone.
    this.#age.dataset.short = tellsAge ? `· ${age(past)}` : "";
  }

  #paint() {
    const shown = this.#shown;
    if (this.#element.dataset.state !== shown) {
      this.#element.dataset.state = shown;
      if (shown === "signed-out" && isShared) setText(this.#word, texts.linkEnded);
      else if (shown === "signed-out") this.#askToSignIn();
      else setText(this.#word, texts.connection[shown]);
    }
    this.tick();
  }

  #askToSignIn() {
    const link = document.createElement("a");
    link.href = loginUrl();
    link.textContent = texts.connection["signed-out"];
    this.#word.replaceChildren(link);
  }
}
