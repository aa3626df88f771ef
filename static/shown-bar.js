// The bars of running jobs as they are shown: they go on with time, and never back within a run.

import { shownProgress } from "chef/forecast.js";
import { percent } from "chef/format.js";
import { rememberedValues, rememberValues } from "chef/memory.js";
import { shownStatus } from "chef/silence.js";
import { hasEnded, knownProgress } from "chef/state.js";
import { timeLeft } from "chef/time-left.js";

/** @import { Job } from "chef/state.js" */

/**
 * A bar: its percent, the percent that its script told, whether all else is an expectation, and the percent in words;
 * none where the job has lasted longer than usual, since the bar then stands still.
 *
 * @typedef {{ percent: number, said: number, isExpected: boolean, number: string }} ShownBar
 */

/** What was shown of a job, and what its script had said. @typedef {{ said: number, shown: number }} ShownBefore */

const KEPT = "chef.shownBars";
const MOST_KEPT = 200;
/** By the ids of jobs. @type {Map<string, ShownBefore>} */
const before = new Map();

/** Go on from what this tab showed last, also in the page that comes next: the same one, loaded again, or another. */
export function keepShownBars() {
  for (const [jobId, kept] of Object.entries(rememberedValues(KEPT, { forTab: true }))) {
    const { said, shown } = /** @type {ShownBefore} */ (kept ?? {});
    if (Number.isFinite(said) && Number.isFinite(shown)) before.set(jobId, { said, shown });
  }
  addEventListener("pagehide", () => {
    rememberValues(KEPT, Object.fromEntries([...before].slice(-MOST_KEPT)), { forTab: true });
  });
}

/**
 * The bar of a job at a moment; null where nothing is known of it.
 *
 * @param {Job | null} job
 * @param {number} at in milliseconds
 * @returns {ShownBar | null}
 */
export function shownBar(job, at) {
  const told = knownProgress(job);
  if (job === null || (told === null && !job.eta)) return null;
  if (hasEnded(job)) before.delete(job.jobId);
  const eta = hasEnded(job) || shownStatus(job, at) === "lost" ? null : (job.eta ?? null);
  if (hasEnded(job) || (told === null && eta === null)) return told === null ? null : plain(told);
  const said = told ?? 0;
  const known = before.get(job.jobId);
  // A script may set its progress lower: then all begins anew.
  const shown = known && said >= known.said ? known.shown : 0;
  const saidAt = Date.parse(job.progressAt ?? job.startedAt ?? job.createdAt);
  const now = shownProgress({ phase: job.phase, said: told, saidAt, eta, shown }, at);
  before.delete(job.jobId); // The one that was shown last stands last.
  before.set(job.jobId, { said, shown: now.percent });
  if (!now.isExpected) return plain(said);
  const isOver = (timeLeft(eta, at)?.over ?? null) !== null;
  return {
    percent: rounded(now.percent),
    said,
    isExpected: true,
    number: isOver ? "" : `~${percent(now.percent)}`,
  };
}

/**
 * @param {number} said
 * @returns {ShownBar}
 */
function plain(said) {
  return { percent: said, said, isExpected: false, number: percent(said) };
}

/** @param {number} value */
function rounded(value) {
  return Math.round(value * 100) / 100;
}

/**
 * Draw a bar: what the script told is solid, what is expected is hatched.
 *
 * @param {HTMLElement} element the bar's frame, with a `<progress>` and what is drawn over it
 * @param {ShownBar | null} bar
 */
export function drawBar(element, bar) {
  const progress = /** @type {HTMLProgressElement} */ (element.querySelector("progress"));
  const said = /** @type {SVGRectElement} */ (element.querySelector(".said rect"));
  if (bar === null) progress.removeAttribute("value");
  else if (progress.position < 0 || progress.value !== bar.percent) progress.value = bar.percent;
  said.setAttribute("width", bar ? bar.said.toFixed(2) : "0");
  element.toggleAttribute("data-expected", bar?.isExpected ?? false);
}
