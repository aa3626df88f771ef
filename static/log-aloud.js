// New lines, said aloud by screen readers if one asks for it: the newest of them, and not all the time.

import { DelayedCall } from "chef/delayed-call.js";
import { cleanText } from "chef/escapes.js";
import { setText } from "chef/nodes.js";

/** @import { Line } from "chef/log-lines.js" */

const MOST_LINES = 3;
const PAUSE_MS = 2_000;

export class LogSpeaker {
  #element;
  #pauseMs;
  /** @type {Line[]} */
  #unsaid = [];
  #saying = new DelayedCall(() => this.#say());

  /**
   * @param {Element} element a live region
   * @param {number} [pauseMs] between what is said
   */
  constructor(element, pauseMs = PAUSE_MS) {
    this.#element = element;
    this.#pauseMs = pauseMs;
  }

  /** @param {Line[]} lines */
  add(lines) {
    this.#unsaid.push(...lines.slice(-MOST_LINES));
    this.#saying.after(this.#pauseMs);
  }

  #say() {
    const lines = this.#unsaid.slice(-MOST_LINES);
    this.#unsaid = [];
    setText(this.#element, lines.map((line) => cleanText(line.message)).join("\n"));
  }
}
