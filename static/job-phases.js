// The phases of a job with their times and their places in it, each a link into the log, and its longest pauses.

import { byId, clone, field, linkToLine, live, now, setIcon, setText } from "chef/dom.js";
import { duration, percent, phaseWord, runningFor } from "chef/format.js";
import { phaseKeys } from "chef/log-phases.js";
import { usualWords } from "chef/progress-words.js";
import { shownStatus } from "chef/silence.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";

/** @import { PhaseAgainstGreen } from "chef/job-novelty.js" */
/** @import { Job, Pause, PhaseSpan } from "chef/state.js" */

/** The job's time, in milliseconds. @typedef {{ start: number, whole: number }} JobTime */

// An ended job has no estimate any more, and yet its phases have usual times.
let usual = live.usualPhases ?? {};
/** How much longer phases of a failed job took than in green runs, in milliseconds. @type {Map<string, number>} */
let againstGreen = new Map();

// A smaller difference, in milliseconds and as a share of the time in green runs, is chance.
const LEAST_DIFFERENCE_MS = 5_000;
const LEAST_SHARE = 0.1;

/**
 * Phases and their places in the job's time, which goes on while it runs.
 *
 * @param {Job | null} job
 */
export function showPhases(job) {
  const list = byId("phases");
  const spans = job?.phases ?? [];
  while (list.children.length > spans.length) list.lastElementChild?.remove();
  while (list.children.length < spans.length) list.append(clone("phase-template"));
  if (!job || spans.length === 0) return;
  usual = job.eta?.phases ?? usual;
  const start = Date.parse(spans[0].startedAt);
  const end = job.finishedAt ? Date.parse(job.finishedAt) : now();
  const time = { start, whole: Math.max(1, end - start) };
  const present = shownStatus(job, now());
  const rows = /** @type {HTMLElement[]} */ ([...list.children]);
  const keys = phaseKeys(spans);
  for (const [index, span] of spans.entries()) {
    const isLast = index === spans.length - 1;
    showPhase(rows[index], span, keys[index], time);
    rows[index].dataset.status = isLast ? present : "completed";
    setIcon(rows[index], isLast ? present : "completed");
    setText(field(rows[index], "share"), isLast ? shareOf(job) : "");
    setText(
      field(rows[index], "usual"),
      usualWords(Object.hasOwn(usual, span.phase) ? usual[span.phase] : undefined),
    );
    setText(field(rows[index], "against"), againstWords(spans, index));
  }
}

/**
 * Say how much longer or shorter the phases of a job took than in green runs.
 *
 * @param {Job | null} job
 * @param {PhaseAgainstGreen[]} phases
 */
export function compareWithGreen(job, phases) {
  againstGreen = new Map(phases.map(({ phase, deltaMs }) => [phase, deltaMs]));
  showPhases(job);
}

/**
 * The difference of a phase to green runs where it matters: in the last span of a phase that came several times, since it
 * is that of all of them. Where a build failed it stopped, so that its last phase is never called shorter.
 *
 * @param {PhaseSpan[]} spans
 * @param {number} index
 */
function againstWords(spans, index) {
  const { phase } = spans[index];
  const difference = againstGreen.get(phase) ?? 0;
  const isLastOfPhase = spans.findLastIndex((span) => span.phase === phase) === index;
  if (!isLastOfPhase || (difference < 0 && index === spans.length - 1)) return "";
  const took = spans.reduce((sum, span) => sum + (span.phase === phase ? (span.durationMs ?? 0) : 0), 0);
  const least = Math.max(LEAST_DIFFERENCE_MS, (took - difference) * LEAST_SHARE);
  if (Math.abs(difference) < least) return "";
  return texts.againstGreen(`${difference < 0 ? "−" : "+"}${duration(Math.abs(difference))}`);
}

/**
 * @param {HTMLElement} row
 * @param {PhaseSpan} span
 * @param {string} key its name in links
 * @param {JobTime} time
 */
function showPhase(row, span, key, { start, whole }) {
  const began = Date.parse(span.startedAt);
  const lasted = span.durationMs ?? Math.max(0, now() - began);
  row.classList.toggle("now", span.finishedAt === null);
  const link = field(row, "phase", HTMLAnchorElement);
  setText(link, phaseWord(span.phase));
  if (link.getAttribute("href") !== `#phase=${key}`) link.setAttribute("href", `#phase=${key}`);
  link.title = span.firstLine ? "" : texts.log.emptyPhase(phaseWord(span.phase));
  setText(field(row, "duration"), span.finishedAt ? duration(lasted) : runningFor(lasted));
  const bar = field(row, "span", SVGRectElement);
  // A phase that took no time is still to be seen.
  bar.setAttribute("x", Math.min(99.2, ((began - start) / whole) * 100).toFixed(2));
  bar.setAttribute("width", Math.max(0.8, (lasted / whole) * 100).toFixed(2));
}

/**
 * How far the running phase is by its own tool.
 *
 * @param {Job} job
 */
function shareOf(job) {
  const { phaseProgress } = job;
  return hasEnded(job) || typeof phaseProgress !== "number" ? "" : percent(phaseProgress);
}

/**
 * The longest pauses of a job that has ended, each a link to its line.
 *
 * @param {Job | null} job
 */
export function showPauses(job) {
  const pauses = hasEnded(job) ? (job?.pauses ?? []) : [];
  byId("pauses-section").hidden = pauses.length === 0;
  byId("pauses").replaceChildren(...pauses.map(pauseRow));
}

/** @param {Pause} pause */
function pauseRow({ phase, line, durationMs }) {
  const row = clone("pause-template");
  setText(field(row, "duration"), duration(durationMs));
  setText(field(row, "phase"), phaseWord(phase));
  linkToLine(field(row, "link", HTMLAnchorElement), line);
  return row;
}
