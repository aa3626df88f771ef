// A job, and what events do to it. Pure.

/** @import { Job } from "../client.d.ts" */

const ENDED = ["completed", "failed", "cancelled", "abandoned"];

/** @param {Pick<Job, "status"> | null} job */
export const hasEnded = (job) => job !== null && ENDED.includes(job.status);

/**
 * A job of which only an event is known.
 *
 * @param {{ jobId: string, projectId: string }} event
 * @param {string} at
 * @returns {Job}
 */
export function newJob({ jobId, projectId }, at) {
  return {
    jobId,
    projectId,
    status: "queued",
    progress: 0,
    phase: "queued",
    phaseProgress: null,
    progressAt: null,
    message: null,
    seq: 0,
    lines: 0,
    createdAt: at,
    updatedAt: at,
    seenAt: at,
    reporter: null,
    startedAt: null,
    finishedAt: null,
    durationMs: null,
    phases: [],
    pauses: [],
    artifacts: [],
    meta: {},
    eta: null,
  };
}

/**
 * A job after an event of its state; the same object where the event is older than that.
 *
 * @param {Job | null} before
 * @param {string} name `job:progress`, `project:error` and the like
 * @param {any} event
 * @returns {Job | null}
 */
export function afterEvent(before, name, event) {
  const { at, code, ...said } = event;
  const isEnd = !name.endsWith(":progress");
  // The two events of an end have one seq.
  if (before && (isEnd ? event.seq < before.seq || before.finishedAt : event.seq <= before.seq))
    return before;
  /** @type {Job} */
  const job = { ...(before ?? newJob(event, at)), ...said, updatedAt: at, seenAt: at };
  if (said.progressKnown === undefined) delete job.progressKnown;
  if (job.progress !== before?.progress) job.progressAt = at;
  if (name.endsWith(":error")) job.error = { message: said.message, code };
  if (!hasEnded(job)) {
    // One that was given up may go on.
    Object.assign(job, { finishedAt: null, durationMs: null, startedAt: job.startedAt ?? at });
    for (const only of /** @type {const} */ (["error", "failure", "integrity"])) delete job[only];
  } else job.eta = null;
  job.phases = phasesAfter(job.phases, said.phase, at, isEnd);
  return job;
}

/**
 * A job after an event that has no seq, which is named as the field that it tells: `job:stop`, `project:eta`.
 *
 * @param {Job | null} job
 * @param {string} name
 * @param {any} event
 */
export function afterNote(job, name, event) {
  const field = name.slice(name.indexOf(":") + 1);
  return job && field in event ? { ...job, [field]: event[field] } : job;
}

/**
 * @param {Job["phases"]} phases
 * @param {string} phase the last one goes on, or this one begins
 * @param {string} at
 * @param {boolean} isEnd
 */
function phasesAfter(phases, phase, at, isEnd) {
  const isNew = phases.at(-1)?.phase !== phase;
  if (!isNew && !isEnd) return phases;
  const open = { finishedAt: null, durationMs: null, firstLine: null, longestPauseMs: null };
  const spans = isNew ? [...phases, { phase, startedAt: at, ...open }] : phases;
  return spans.map((span, index) => {
    if (span.finishedAt || (index === spans.length - 1 && !isEnd)) return span;
    return { ...span, finishedAt: at, durationMs: Math.max(0, Date.parse(at) - Date.parse(span.startedAt)) };
  });
}

/**
 * A job that was read, with what events have told since. Parts that are equal stay the same objects.
 *
 * @param {Job} read
 * @param {Job | null} known
 * @param {number} stateSeq the newest event of its state
 * @returns {Job}
 */
export function merged(read, known, stateSeq) {
  if (!known) return read;
  const job = { ...read };
  if (known.seq > read.seq) {
    if (stateSeq > read.seq)
      Object.assign(job, known, { createdAt: read.createdAt, startedAt: read.startedAt, meta: read.meta });
    else
      Object.assign(job, {
        seq: known.seq,
        lines: Math.max(read.lines, known.lines),
        updatedAt: known.updatedAt,
      });
  }
  for (const name of /** @type {const} */ (["phases", "failure", "eta"])) {
    if (name in known && isEqual(job[name], known[name])) Object.assign(job, { [name]: known[name] });
  }
  return isEqual(job, known) ? known : job;
}

/**
 * @param {unknown} one
 * @param {unknown} other
 */
const isEqual = (one, other) => JSON.stringify(one) === JSON.stringify(other);
