// The bar of a job: what its script told is solid, what is expected is hatched.

import { make, setAttribute } from "chef/embed/make.js";
import { barWords } from "chef/progress-words.js";
import { shownBar } from "chef/shown-bar.js";

/** @import { Job } from "chef/state.js" */

export class JobBar {
  element = make("div", "bar");
  #expected = make("div", "expected");
  #fill = make("div", "fill");

  constructor() {
    this.element.append(this.#expected, this.#fill);
    const attributes = { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" };
    for (const [name, value] of Object.entries(attributes)) this.element.setAttribute(name, value);
  }

  /**
   * Show how far a job is; returns the bar, null where nothing is known of it.
   *
   * @param {Job | null} job
   * @param {number} at in milliseconds
   * @param {string} name
   */
  show(job, at, name) {
    const bar = shownBar(job, at);
    this.#expected.style.width = `${bar?.percent ?? 0}%`;
    this.#fill.style.width = `${bar?.said ?? 0}%`;
    setAttribute(this.element, "aria-label", name);
    setAttribute(this.element, "aria-valuenow", bar && String(Math.round(bar.percent * 10) / 10));
    setAttribute(this.element, "aria-valuetext", barWords(job, bar));
    return bar;
  }
}
