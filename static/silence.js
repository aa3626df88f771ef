// How a page speaks of a running job that says nothing, by the rules of chef/domain/silence.py. Pure.

import { constants } from "chef/constants.js";
import { hasEnded } from "chef/state.js";

/** @import { Job } from "chef/state.js" */

const { quietMs, lostMs, leastUsualMs } = constants.silence;

/**
 * `silent` is how long ago the last update came, `unheard` how long ago anything came, in milliseconds; `usual` is the
 * longest silence that is usual in the job's phase, null where that is not known.
 *
 * @typedef {{ kind: "quiet" | "alive" | "lost", silent: number, unheard: number, usual: number | null }} Silence
 */

/** @typedef {Pick<Job, "status" | "phase" | "updatedAt" | "seenAt" | "reporter" | "eta" | "questions">} Heard */

/**
 * How silent a job is at a moment, or null.
 *
 * `quiet`; `alive`, its reporter being there; `lost`. Never failed: from here one cannot tell.
 *
 * @param {Heard | null} job
 * @param {number} at in milliseconds
 * @returns {Silence | null}
 */
export function silenceOf(job, at) {
  if (!job || hasEnded(job)) return null;
  const silent = at - Date.parse(job.updatedAt);
  const unheard = job.seenAt ? Math.min(silent, at - Date.parse(job.seenAt)) : silent;
  const reporter = job.reporter ?? null;
  if (reporter === "lost" || (reporter === null && silent >= lostMs)) {
    return { kind: "lost", silent, unheard, usual: null };
  }
  if (
    reporter === "alive" &&
    (job.questions ?? []).some((one) => !one.answer && at < Date.parse(one.until))
  ) {
    return null; // It waits for people, and says so.
  }
  const pauses = job.eta?.pauses ?? {};
  const usual = Object.hasOwn(pauses, job.phase) ? pauses[job.phase] : null;
  if (silent < (usual === null ? quietMs : Math.max(usual, leastUsualMs))) return null;
  return { kind: reporter === "alive" ? "alive" : "quiet", silent, unheard, usual };
}

/**
 * The status that a page shows: the job's, or `lost`; of no job yet, none.
 *
 * @param {Heard | null} job
 * @param {number} at in milliseconds
 */
export function shownStatus(job, at) {
  return silenceOf(job, at)?.kind === "lost" ? "lost" : (job?.status ?? "");
}
