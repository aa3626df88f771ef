// A job as a row of a list.

import { base } from "chef/base.js";
import { field, now, setIcon, setText, setWhen, within } from "chef/dom.js";
import { duration, runningFor } from "chef/format.js";
import { stoppedWords } from "chef/progress-words.js";
import { rowFacts, rowReason, rowTitle } from "chef/row-words.js";
import { drawBar, shownBar } from "chef/shown-bar.js";
import { shownStatus, silenceOf } from "chef/silence.js";
import { silenceWords } from "chef/silence-words.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";
import { timeShort, timeWords } from "chef/time-left.js";

/** @import { Job } from "chef/state.js" */

/**
 * Show a job in its row.
 *
 * @param {HTMLElement} row
 * @param {Job} job
 */
export function fillJobRow(row, job) {
  row.dataset.job = job.jobId;
  setHref(field(row, "link"), `${base}/jobs/${encodeURIComponent(job.jobId)}`);
  setTitled(field(row, "name"), rowTitle(job.meta, job.jobId));
  // A project's own page does not name it in each row.
  const project = row.querySelector('[data-field="project"]');
  if (project) {
    setHref(project, `${base}/projects/${encodeURIComponent(job.projectId)}`);
    setText(project, job.projectId);
  }
  setTitled(field(row, "facts"), rowFacts(job.meta, job.jobId));
  setTitled(field(row, "message"), rowReason(job));
  tickJobRow(row, job);
}

/**
 * Say anew what changes with time alone.
 *
 * @param {HTMLElement} row
 * @param {Job} job
 */
function tickJobRow(row, job) {
  setText(field(row, "status"), showState(row, job));
  setText(field(row, "stopped"), stoppedWords(job));
  field(row, "stopped").title = stoppedWords(job);
  tickBar(row, job);
  setIcon(row, shownStatus(job, now()));
  const since = Date.parse(job.startedAt ?? job.createdAt);
  setText(field(row, "duration"), hasEnded(job) ? duration(job.durationMs) : runningFor(now() - since));
  setWhen(field(row, "when", HTMLTimeElement), job.updatedAt);
}

/**
 * How far the job is, and how long it still takes.
 *
 * @param {HTMLElement} row
 * @param {Job} job
 */
function tickBar(row, job) {
  const bar = shownBar(job, now());
  drawBar(within(row, ".bar"), bar);
  setText(field(row, "percent"), bar?.number ?? "");
  const eta = hasEnded(job) || shownStatus(job, now()) === "lost" ? null : job.eta;
  setText(field(row, "left"), timeShort(eta, now()));
  const words = timeWords(eta, now());
  if (field(row, "left").title !== words) field(row, "left").title = words;
}

/**
 * Mark an element with a job's state; returns it in words: the status, or since when the job says nothing.
 *
 * @param {HTMLElement} element
 * @param {Job} job
 */
export function showState(element, job) {
  const [status, silence] = [shownStatus(job, now()), silenceOf(job, now())];
  element.dataset.status = status;
  if (silence) element.dataset.silence = silence.kind;
  else delete element.dataset.silence;
  if (job.stop && !hasEnded(job)) return texts.control.askedShort;
  return silence ? silenceWords(silence) : texts.status[status];
}

/**
 * @param {Element} link
 * @param {string} href
 */
export function setHref(link, href) {
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
}

/**
 * Set a text that may be too long for its place, with the whole of it as the tooltip.
 *
 * @param {HTMLElement} element
 * @param {string} text
 */
export function setTitled(element, text) {
  setText(element, text);
  if (element.title !== text) element.title = text;
}
