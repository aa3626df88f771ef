// How far a job is, in words, as chef/pages/progresswords.py says it.

import { duration, percent, phaseWord } from "chef/format.js";
import { hasEnded, knownProgress } from "chef/state.js";
import { texts } from "chef/texts.js";

/** @import { ShownBar } from "chef/shown-bar.js" */
/** @import { Interval, Job } from "chef/state.js" */

/**
 * Where a job stopped that did not complete, behind its status: `while building, at 62%`.
 *
 * Without the percent where none was told, or all of it, which a job that stopped has not done. Nothing where nobody
 * said how far it was, and of other jobs.
 *
 * @param {Pick<Job, "status" | "phase" | "progress" | "progressKnown"> | null} job
 */
export function stoppedWords(job) {
  if (job === null || !hasEnded(job) || job.status === "completed") return "";
  const progress = knownProgress(job);
  if (progress === null && job.phase === "queued") return "";
  const { places, inPhase, stoppedAt } = texts.progress;
  const place = Object.hasOwn(places, job.phase) ? places[job.phase] : inPhase(job.phase);
  return progress === null || progress >= 100 ? place : stoppedAt(place, percent(progress));
}

/**
 * The words of a job's bar for screen readers.
 *
 * @param {Job | null} job
 * @param {ShownBar | null} bar
 */
export function barWords(job, bar) {
  const stopped = stoppedWords(job);
  if (job && stopped) return `${texts.status[job.status]} ${stopped}`;
  let words = bar === null ? texts.noPercent : bar.number;
  if (bar?.isExpected) words = bar.number ? texts.progress.expected(bar.number) : texts.progress.overUsual;
  return texts.percentOfPhase(words, job ? phaseWord(job.phase) : "");
}

/**
 * How long a phase usually takes: `usually 50 s to 1 min 10 s`; nothing where that is not known.
 *
 * @param {Interval | undefined} usual
 */
export function usualWords(usual) {
  if (!usual) return "";
  const [low, high] = [duration(usual.low), duration(usual.high)];
  return low === high ? texts.progress.usually(low) : texts.progress.usuallyBetween(low, high);
}
