// The percent that a running job's bar shows: its script's word, or what is usual where that stands still. Pure.
// The server has the same rule (chef/domain/forecast/bar.py); tests/data/bar-cases.json holds both to the same cases.

import { constants } from "chef/constants.js";

/** @import { Eta, Interval } from "chef/state.js" */

const { patienceMs, atMedian, most, phaseEnds } = constants.bar;

/**
 * A running job, as its bar looks at it; moments in milliseconds.
 *
 * @typedef {object} Bar
 * @property {string} phase
 * @property {number | null} said the progress that its script told
 * @property {number} saidAt when that last moved, or when the job began
 * @property {Eta | null} eta
 * @property {number} shown the most that was shown of this run before
 */

/** A percent, and whether it is an expectation. @typedef {{ percent: number, isExpected: boolean }} Shown */

/**
 * The progress that a bar shows at a moment: never less than before, never 100 by itself.
 *
 * @param {Bar} bar
 * @param {number} at in milliseconds
 * @returns {Shown}
 */
export function shownProgress(bar, at) {
  const said = bar.said ?? 0;
  const percent = Math.max(bar.eta ? expectedProgress(bar, bar.eta, at) : said, bar.shown);
  return { percent, isExpected: percent > said };
}

/**
 * The number of a phase, which may be called `constructor`.
 *
 * @param {Record<string, number>} numbers
 * @param {string} phase
 */
function ofPhase(numbers, phase) {
  return Object.hasOwn(numbers, phase) ? numbers[phase] : undefined;
}

/**
 * The script's word as long as silence is usual in its phase, then on to the end of the phase's span, or of the job.
 *
 * @param {Bar} bar
 * @param {Eta} eta
 * @param {number} at
 */
function expectedProgress(bar, eta, at) {
  const said = bar.said ?? 0;
  const begins = bar.said === null ? bar.saidAt : bar.saidAt + (ofPhase(eta.pauses, bar.phase) ?? patienceMs);
  if (at <= begins) return said;
  const end = bar.said === null ? undefined : ofPhase(phaseEnds, bar.phase);
  const times = end === undefined ? eta.remainingMs : eta.phaseRemainingMs;
  const way = times ? shareOfWay(Date.parse(eta.at), begins, times, at) : 1;
  return said + Math.max(0, Math.min(end ?? 100, most) - said) * way;
}

/**
 * The share of the way: a straight line to the median and a flatter one to the high end.
 *
 * @param {number} from when the estimate was made
 * @param {number} begins
 * @param {Interval} times
 * @param {number} at
 */
function shareOfWay(from, begins, times, at) {
  const [median, high] = [from + times.median, from + times.high];
  if (at >= high) return 1;
  if (begins >= median) return (at - begins) / (high - begins);
  if (at < median) return (atMedian * (at - begins)) / (median - begins);
  return atMedian + ((1 - atMedian) * (at - median)) / (high - median);
}
