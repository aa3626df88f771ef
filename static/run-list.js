// A list in which the jobs of one run are one row, limited as its page's address says, and kept so.

import { getJson } from "chef/api.js";
import { constants } from "chef/constants.js";
import { arrange, byId, clone, live } from "chef/dom.js";
import { hasStatus, matches } from "chef/filtering.js";
import { fillJobRow } from "chef/job-row.js";
import { JobLists, showRunning } from "chef/lists.js";
import { fillRunRow } from "chef/run-row.js";

/** @import { Parameters } from "chef/api.js" */
/** @import { Run } from "chef/run-row.js" */
/** @import { Job, StateEvent } from "chef/state.js" */

const MOST_STRANGERS = 5_000;

export class RunList {
  #list = byId("jobs");
  #filter = live.filter ?? {};
  #isNewest = live.isNewest ?? false;
  /** @type {Map<string, HTMLElement>} */
  #rows = rowsByKey(this.#list);
  /** @type {Run[] | null} */
  #runs = null;
  // The jobs of runs, which have no row of their own, and the statuses they had when the list was read.
  /** @type {Map<string, string>} */
  #members = new Map();
  // Jobs that were asked for in vain, with what was heard of them.
  /** @type {Set<string>} */
  #strangers = new Set();
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
    for (const { worst } of runs) this.lists.put(worst);
    this.#members = new Map(
      runs.filter(isRun).flatMap(({ jobs }) => jobs.map((job) => [job.jobId, job.status])),
    );
    this.lists.keep(runs.map(({ worst }) => worst.jobId));
    // What was missed may have been an end.
    if (this.#runs !== null && this.#isNewest) this.#changed();
    this.#runs = runs;
  }

  /**
   * Whether an event of a job without a row is a reason to read the list anew.
   *
   * @param {StateEvent} event
   */
  #isNews({ jobId, status = "", message }) {
    const before = this.#members.get(jobId);
    if (before !== undefined) {
      this.#members.set(jobId, status);
      return before !== status;
    }
    if (!hasStatus(this.#filter, { status })) return false;
    // Of a job that is not listed nothing more is known; a new message may have the words.
    const hasWords = this.#filter.q
      ? matches({ q: this.#filter.q }, { jobId, status, message: message ?? null })
      : false;
    const heard = `${jobId} ${status} ${hasWords}`;
    if (this.#strangers.has(heard)) return false;
    if (this.#strangers.size >= MOST_STRANGERS) this.#strangers.clear();
    this.#strangers.add(heard);
    return true;
  }

  /**
   * Whether an event of a listed job is a reason to read the list anew: it no longer belongs there, or its run is another.
   *
   * @param {Job} before
   * @param {Job} after
   */
  #hasLeft(before, after) {
    const isMember = this.#members.has(after.jobId);
    return (
      (isMember && before.status !== after.status) ||
      matches(this.#filter, before) !== matches(this.#filter, after)
    );
  }

  #paint() {
    if (this.#runs === null) return;
    const shown = this.#runs.map((run) => this.#current(run)).filter((run) => this.#belongs(run));
    const rows = new Map(shown.map((run) => [keyOf(run), this.#paintRow(run)]));
    this.#rows = rows;
    showRunning(shown);
    arrange(this.#list, [...rows.values()]);
  }

  /** @param {Run} run */
  #current(run) {
    const [worst] = this.lists.known([run.worst.jobId]);
    return { ...run, worst, status: isRun(run) ? run.status : worst.status };
  }

  /** @param {Run} run */
  #belongs(run) {
    return isRun(run) ? hasStatus(this.#filter, run) : matches(this.#filter, run.worst);
  }

  /** @param {Run} run */
  #paintRow(run) {
    const row = this.#rows.get(keyOf(run)) ?? clone(isRun(run) ? "run-template" : "job-template");
    if (isRun(run)) fillRunRow(row, run);
    else fillJobRow(row, run.worst);
    return row;
  }
}

/** @param {Run} run */
function isRun(run) {
  return run.run !== null && run.counts.total > 1;
}

/** @param {Run} run */
function keyOf(run) {
  return isRun(run) ? `run ${run.projectId} ${run.run}` : `job ${run.worst.jobId}`;
}

/**
 * The rows that the server rendered. Runs of several projects are made anew: their rows do not say which.
 *
 * @param {HTMLElement} list
 */
function rowsByKey(list) {
  const rows = /** @type {HTMLElement[]} */ ([...list.children]);
  return new Map(
    rows.map((row) => [
      row.dataset.job ? `job ${row.dataset.job}` : `run ${live.projectId} ${row.dataset.run}`,
      row,
    ]),
  );
}
