// The rows of a list in which the jobs of one run are one row.

import { arrange, clone } from "chef/dom.js";
import { fillJobRow } from "chef/job-row.js";
import { fillRunRow } from "chef/run-row.js";
import { hasEnded } from "chef/state.js";

/** @import { JobLists } from "chef/lists.js" */
/** @import { Run } from "chef/run-row.js" */

export class RunRows {
  /** @type {HTMLElement} */
  #list;
  /** @type {Map<string, HTMLElement>} */
  #rows;
  /** The runs as they were read last, null before. @type {Run[] | null} */
  #runs = null;
  // The jobs of runs, which have no row of their own, and the statuses they had when the list was read.
  /** @type {Map<string, string>} */
  #members = new Map();

  /** @param {HTMLElement} list the element, with the rows that the server rendered */
  constructor(list) {
    this.#list = list;
    this.#rows = rowsByKey(list);
  }

  get isRead() {
    return this.#runs !== null;
  }

  /** The jobs that these rows are made of: the worst one of each run. */
  get jobIds() {
    return (this.#runs ?? []).map(({ worst }) => worst.jobId);
  }

  /**
   * @param {Run[]} runs
   * @param {JobLists} lists is given their jobs
   */
  take(runs, lists) {
    for (const { worst } of runs) lists.put(worst);
    this.#members = new Map(
      runs.filter(isRun).flatMap(({ jobs }) => jobs.map((job) => [job.jobId, job.status])),
    );
    this.#runs = runs;
  }

  /** @param {string} jobId */
  isMember(jobId) {
    return this.#members.has(jobId);
  }

  /**
   * Whether a job of a run has another status than when the list was read, or when this was asked last.
   *
   * @param {string} jobId
   * @param {string} status
   */
  hasChanged(jobId, status) {
    const before = this.#members.get(jobId);
    if (before === undefined || before === status) return false;
    this.#members.set(jobId, status);
    return true;
  }

  /**
   * Show the runs that belong here; returns them.
   *
   * @param {JobLists} lists knows their jobs as they stand
   * @param {(run: Run) => boolean} belongs
   * @param {number} [most] rows beyond them are hidden
   */
  paint(lists, belongs, most = Number.POSITIVE_INFINITY) {
    const shown = (this.#runs ?? []).map((run) => asItStands(run, lists)).filter(belongs);
    this.#rows = new Map(shown.map((run) => [keyOf(run), this.#paintRow(run)]));
    const rows = [...this.#rows.values()];
    for (const [index, row] of rows.entries()) row.hidden = index >= most;
    arrange(this.#list, rows);
    return shown;
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
export function isRun(run) {
  return run.run !== null && run.counts.total > 1;
}

/**
 * Whether a job of a run still runs, whatever the run's own status.
 *
 * @param {Run} run
 */
export function isActive(run) {
  return isRun(run) ? run.counts.running > 0 : !hasEnded(run.worst);
}

/**
 * @param {Run} run
 * @param {JobLists} lists
 */
function asItStands(run, lists) {
  const [worst] = lists.known([run.worst.jobId]);
  return { ...run, worst, status: isRun(run) ? run.status : worst.status };
}

/** @param {Run} run */
function keyOf(run) {
  return isRun(run) ? `run ${run.projectId} ${run.run}` : `job ${run.worst.jobId}`;
}

/** @param {HTMLElement} list */
function rowsByKey(list) {
  const rows = /** @type {HTMLElement[]} */ ([...list.children]);
  return new Map(
    rows.map(({ dataset }, index) => [
      dataset.job ? `job ${dataset.job}` : `run ${dataset.ofProject} ${dataset.run}`,
      rows[index],
    ]),
  );
}
