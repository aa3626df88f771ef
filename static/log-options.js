// How a reader wants the log: wrapped or not, with times or without, read aloud or not. Kept in the browser.

import { byId } from "chef/dom.js";
import { rememberedValues, rememberValues } from "chef/memory.js";

/** @import { TimeDisplay } from "chef/log-times.js" */

const KEPT = "chef.log";
/** @type {TimeDisplay[]} */
const TIMES = ["none", "since", "clock"];

/** @typedef {{ wraps: boolean, times: TimeDisplay, speaks: boolean }} LogOptions */

export class OptionsMenu {
  #apply;
  /** @type {LogOptions} */
  #options = {
    wraps: matchMedia("(max-width: 820px)").matches,
    times: "none",
    speaks: false,
    ...known(rememberedValues(KEPT)),
  };

  /** @param {(options: LogOptions) => void} apply is called when options have changed */
  constructor(apply) {
    this.#apply = apply;
    const [wraps, speaks] = [byId("log-wrap", HTMLInputElement), byId("log-speak", HTMLInputElement)];
    const times = byId("log-times", HTMLSelectElement);
    wraps.addEventListener("change", () => this.#set({ wraps: wraps.checked }));
    times.addEventListener("change", () => this.#set({ times: timesOf(times.value) }));
    speaks.addEventListener("change", () => this.#set({ speaks: speaks.checked }));
    this.#show();
  }

  get options() {
    return this.#options;
  }

  toggleWraps() {
    this.#set({ wraps: !this.#options.wraps });
  }

  /** Show times in the next way. */
  cycleTimes() {
    this.#set({ times: TIMES[(TIMES.indexOf(this.#options.times) + 1) % TIMES.length] });
  }

  /** @param {Partial<LogOptions>} change */
  #set(change) {
    this.#options = { ...this.#options, ...change };
    rememberValues(KEPT, this.#options);
    this.#show();
    this.#apply(this.#options);
  }

  #show() {
    byId("log-wrap", HTMLInputElement).checked = this.#options.wraps;
    byId("log-times", HTMLSelectElement).value = this.#options.times;
    byId("log-speak", HTMLInputElement).checked = this.#options.speaks;
  }
}

/** @param {unknown} value */
function timesOf(value) {
  return TIMES.find((times) => times === value) ?? "none";
}

/**
 * The options among values that a browser kept.
 *
 * @param {Record<string, unknown>} values
 * @returns {Partial<LogOptions>}
 */
function known({ wraps, times, speaks }) {
  return {
    ...(typeof wraps === "boolean" && { wraps }),
    ...(times !== undefined && { times: timesOf(times) }),
    ...(typeof speaks === "boolean" && { speaks }),
  };
}
