// The jobs of one run as a row of a list.

import { base } from "chef/base.js";
import { arrange, clone, field, now, setIcon, setText, setWhen } from "chef/dom.js";
import { duration, runningFor } from "chef/format.js";
import { setHref, setTitled } from "chef/job-row.js";
import { rowsOf } from "chef/lists.js";
import { rowFacts, rowReason, rowTitle } from "chef/row-words.js";
import { shownStatus } from "chef/silence.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";

/** @import { Job, Stop } from "chef/state.js" */

// As many as chef/pages/listedruns.py shows.
const DOTS = 24;

/** @typedef {Pick<Job, "jobId" | "status" | "createdAt"> & { kind: string | null }} BriefJob */

/**
 * A run as `GET /api/runs` lists it; `worst` is the first job that has its status. Entries of meta have their names.
 *
 * @typedef {object} Run
 * @property {string | null} run
 * @property {string} projectId
 * @property {string} status
 * @property {string | null} startedAt
 * @property {string | null} finishedAt
 * @property {number | null} durationMs
 * @property {{ total: number, running: number }} counts
 * @property {BriefJob[]} jobs
 * @property {Job} worst
 * @property {Stop} [stop] who asked one of its running jobs to stop
 */

/**
 * Show a run in its row.
 *
 * @param {HTMLElement} row
 * @param {Run} run
 */
export function fillRunRow(row, run) {
  const name = run.run ?? "";
  [row.dataset.run, row.dataset.ofProject] = [name, run.projectId];
  setHref(field(row, "link"), runPath(run.projectId, name));
  const entries = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (run));
  setTitled(field(row, "name"), rowTitle(entries, name));
  setTitled(field(row, "facts"), rowFacts(entries, name));
  const project = row.querySelector('[data-field="project"]');
  if (project) {
    setHref(project, `${base}/projects/${encodeURIComponent(run.projectId)}`);
    setText(project, run.projectId);
  }
  setTitled(field(row, "message"), rowReason(run.worst));
  setText(field(row, "done"), texts.doneJobs(run.counts.total, run.counts.running));
  paintDots(field(row, "dots"), run.jobs.slice(0, DOTS));
  tickRunRow(row, run);
}

/**
 * Say anew what changes with time alone.
 *
 * @param {HTMLElement} row
 * @param {Run} run
 */
function tickRunRow(row, run) {
  const status = hasEnded(run) ? run.status : shownStatus(run.worst, now());
  row.dataset.status = status;
  const isAsked = !hasEnded(run) && Boolean(run.stop ?? run.worst.stop);
  setText(field(row, "status"), isAsked ? texts.control.askedShort : texts.status[status]);
  setIcon(field(row, "link").closest("li") ?? row, status);
  const since = Date.parse(run.startedAt ?? run.jobs[0].createdAt);
  setText(field(row, "duration"), run.finishedAt ? duration(run.durationMs) : runningFor(now() - since));
  setWhen(field(row, "when", HTMLTimeElement), run.finishedAt ?? run.worst.updatedAt);
}

/**
 * @param {HTMLElement} place
 * @param {BriefJob[]} jobs
 */
function paintDots(place, jobs) {
  const words = jobs.map((job) => texts.outcome(job.kind ?? job.jobId, texts.status[job.status]));
  const known = rowsOf(place, "member");
  const dots = jobs.map((job, index) => {
    const dot = known.get(job.jobId) ?? clone("dot-template");
    dot.dataset.member = job.jobId;
    dot.dataset.status = job.status;
    setIcon(dot, job.status);
    if (dot.title !== words[index]) dot.title = words[index];
    return dot;
  });
  arrange(place, dots);
  const all = words.join(", ");
  if (place.getAttribute("aria-label") !== all) place.setAttribute("aria-label", all);
}

/**
 * @param {string} projectId
 * @param {string} run
 */
function runPath(projectId, run) {
  const project = `${base}/projects/${encodeURIComponent(projectId)}`;
  // No address can end in these: chef/pages/listedruns.py says the same.
  if (run === "." || run === "..") return `${project}?run=${run}`;
  return `${project}/runs/${encodeURIComponent(run)}`;
}
