// What a page says of a running job that says nothing. chef/pages/silence.py says the same: change both. Pure.

import { hasEnded } from "chef/state.js";

const QUIET_MS = 4 * 60_000;
const LOST_MS = 45 * 60_000;

/**
 * How silent a job is at a moment, or null: `{kind, silent, unheard}`, times in milliseconds.
 *
 * `quiet`; `alive`, its reporter being there; `lost`. Never failed: from here one cannot tell.
 */
export function silenceOf(job, at) {
  if (!job || hasEnded(job)) return null;
  const silent = at - Date.parse(job.updatedAt);
  const unheard = job.seenAt ? Math.min(silent, at - Date.parse(job.seenAt)) : silent;
  const reporter = job.reporter ?? null;
  if (reporter === "lost" || (reporter === null && silent >= LOST_MS)) return { kind: "lost", silent, unheard };
  if (silent < QUIET_MS) return null;
  return { kind: reporter === "alive" ? "alive" : "quiet", silent, unheard };
}

/** The status that a page shows: the job's, or `lost`; of no job yet, none. */
export function shownStatus(job, at) {
  return silenceOf(job, at)?.kind === "lost" ? "lost" : (job?.status ?? "");
}
