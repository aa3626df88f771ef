// A list in which the jobs of one run are one row, limited as its page's address says, and kept so.

import { getJson } from "chef/api.js";
import { constants } from "chef/constants.js";
import { byId, live } from "chef/dom.js";
import { hasStatus, matches } from "chef/filtering.js";
import { JobLists, showRunning } from "chef/lists.js";
import { isActive, isRun, RunRows } from "chef/run-rows.js";
import { Strangers } from "chef/strangers.js";

/** @import { Parameters } from "chef/api.js" */
/** @import { Run } from "chef/run-row.js" */
/** @import { Job, StateEvent } from "chef/state.js" */

export class RunList {
  #filter = live.filter ?? {};
  #isNewest = live.isNewest ?? false;
  #rows = new RunRows(byId("jobs"));
  #strangers = new Strangers();
  /** @type {() => void} */
  #changed;

  /**
   * `changed` is told when jobs may have ended; `tick` is called with each painting.
   *
   * @param {{ changed?: () => void, tick?: () => void }} [page]
   */
  constructor({ changed = () => {}, tick = () => {} } = {}) {
    this.#changed = changed;
    this.lists = new JobLists({
      read: () => this.#read(),
      paint: () => {
        tick();
        this.#paint();
      },
      ended: () => this.#isNewest && changed(),
      takesNew: (event) => this.#isNewest && this.#isNews(event),
      takesKnown: (before, after) => this.#hasLeft(before, after),
    });
  }

  async #read() {
    /** @type {Parameters} */
    const parameters = { ...this.#filter, limit: constants.limits.jobs };
    if (live.projectId) parameters.projectId = live.projectId;
    const cursor = new URLSearchParams(location.search).get("cursor");
    if (cursor) parameters.cursor = cursor;
    /** @type {{ runs: Run[] }} */
    const { runs } = await getJson("/api/runs", parameters);
    const wasRead = this.#rows.isRead;
    this.#rows.take(runs, this.lists);
    this.lists.keep(this.#rows.jobIds);
    // What was missed may have been an end.
    if (wasRead && this.#isNewest) this.#changed();
  }

  /**
   * Whether an event of a job without a row is a reason to read the list anew.
   *
   * @param {StateEvent} event
   */
  #isNews({ jobId, status = "", message }) {
    if (this.#rows.isMember(jobId)) return this.#rows.hasChanged(jobId, status);
    if (!hasStatus(this.#filter, { status })) return false;
    // Of a job that is not listed nothing more is known; a new message may have the words.
    const hasWords = this.#filter.q
      ? matches({ q: this.#filter.q }, { jobId, status, message: message ?? null })
      : false;
    return this.#strangers.isNews(`${jobId} ${status} ${hasWords}`);
  }

  /**
   * Whether an event of a listed job is a reason to read the list anew: it no longer belongs there, or its run is another.
   *
   * @param {Job} before
   * @param {Job} after
   */
  #hasLeft(before, after) {
    return (
      this.#rows.hasChanged(after.jobId, after.status) ||
      matches(this.#filter, before) !== matches(this.#filter, after)
    );
  }

  #paint() {
    if (!this.#rows.isRead) return;
    showRunning(this.#rows.paint(this.lists, (run) => this.#belongs(run)).filter(isActive).length);
  }

  /** @param {Run} run */
  #belongs(run) {
    return isRun(run) ? hasStatus(this.#filter, run) : matches(this.#filter, run.worst);
  }
}
