// In place of the log's panel on a page that shows no log.

/** @import { LogPanel } from "chef/log-panel.js" */

/** @implements {Pick<LogPanel, "add" | "reset" | "renew" | "goTo" | "goToPhase" | "total">} */
export class NoLog {
  total = 0;
  /** @type {unknown} */
  phases = [];
  /** @type {unknown} */
  novelty = null;
  /** @type {string | null} */
  startedAt = null;

  add() {}
  reset() {}
  renew() {}
  goTo() {}
  goToPhase() {}
}
