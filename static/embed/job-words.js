// What an element says of a job: its state, how long it takes or took, and why it failed.

import { duration, phaseWord, runningFor } from "chef/format.js";
import { stoppedWords } from "chef/progress-words.js";
import { shownStatus, silenceOf } from "chef/silence.js";
import { silenceWords } from "chef/silence-words.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";
import { timeShort, timeWords } from "chef/time-left.js";

/** @import { Eta, Job } from "chef/state.js" */

/**
 * A job's state in words: where it stopped, that it is asked to, or since when it says nothing.
 *
 * @param {Job} job
 * @param {number} at in milliseconds
 */
export function stateWords(job, at) {
  const silence = silenceOf(job, at);
  if (job.stop && !hasEnded(job)) return texts.control.askedShort;
  if (silence) return silenceWords(silence);
  return `${texts.status[job.status]} ${stoppedWords(job)}`.trim();
}

/**
 * The estimate of a job that runs as far as one can tell; null for any other.
 *
 * @param {Job} job
 * @param {number} at
 * @returns {Eta | null}
 */
function etaOf(job, at) {
  return hasEnded(job) || shownStatus(job, at) === "lost" ? null : (job.eta ?? null);
}

/**
 * The phase of a running job, how long it has run, and how long it takes still; how long one took that has ended.
 *
 * @param {Job} job
 * @param {number} at
 * @param {boolean} isPresent whether that is so now, and not when the connection was lost
 */
export function timesOf(job, at, isPresent) {
  if (hasEnded(job)) return [duration(job.durationMs)];
  const since = Date.parse(job.startedAt ?? job.createdAt);
  const running = isPresent ? [runningFor(at - since), timeWords(etaOf(job, at), at)] : [];
  return [phaseWord(job.phase), ...running];
}

/**
 * The time that a job still takes, in short.
 *
 * @param {Job} job
 * @param {number} at
 */
export function shortTimeLeft(job, at) {
  return timeShort(etaOf(job, at), at);
}
