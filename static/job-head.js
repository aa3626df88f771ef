// The head of a job's page: name, state, where it comes from, progress, and why it failed or is silent.

import { base, leadsElsewhere } from "chef/base.js";
import { byId, clone, field, now, setIcon, setText, setWhen } from "chef/dom.js";
import { cleanText } from "chef/escapes.js";
import { duration, jobName, runningFor } from "chef/format.js";
import { localTime } from "chef/i18n.js";
import { showFailure } from "chef/job-failure.js";
import { showProgress } from "chef/job-progress.js";
import { showReason } from "chef/job-reason.js";
import { fillLinked } from "chef/linked.js";
import { shownStatus, silenceOf } from "chef/silence.js";
import { silenceMore, silenceWords } from "chef/silence-words.js";
import { sources } from "chef/sources.js";
import { texts } from "chef/texts.js";

/** @import { Silence } from "chef/silence.js" */
/** @import { Source } from "chef/sources.js" */
/** @import { Job } from "chef/state.js" */

// So long a page waits for a job that is not there before it says so.
const MISSING_MS = 5_000;
/** Since when there is no job, in milliseconds. @type {number | null} */
let missingSince = null;

/**
 * @param {Job | null} job
 * @param {string} jobId
 */
export function showHead(job, jobId) {
  missingSince = job ? null : (missingSince ?? now());
  setText(byId("name"), job ? jobName(job) : jobId);
  showProject(job);
  showFailure(job);
  showReason(job);
  tickHead(job);
}

/**
 * Say anew what changes with time alone.
 *
 * @param {Job | null} job
 */
export function tickHead(job) {
  setText(byId("message"), messageOf(job));
  showProgress(job);
  const status = shownStatus(job, now());
  const summary = byId("summary");
  summary.dataset.status = status;
  setIcon(summary, status);
  setText(field(summary, "status"), texts.status[status] ?? texts.waiting);
  showSilence(silenceOf(job, now()));
  if (!job) return;
  const since = Date.parse(job.startedAt ?? job.createdAt);
  showTimes(job);
  setText(byId("duration"), job.finishedAt ? duration(job.durationMs) : runningFor(now() - since));
}

/** @param {Job} job */
function showTimes(job) {
  byId("times").hidden = false;
  showMoment("started-at", texts.startedAt, job.startedAt ?? job.createdAt);
  showMoment("ended-at", texts.endedAt, job.finishedAt);
  byId("ended-ago").hidden = !job.finishedAt;
  setWhen(field(byId("ended-ago"), "when", HTMLTimeElement), job.finishedAt);
}

/**
 * @param {string} id
 * @param {(moment: string) => string} words
 * @param {string | null} at
 */
function showMoment(id, words, at) {
  const element = byId(id, HTMLTimeElement);
  element.hidden = !at;
  if (!at || (element.dateTime === at && element.hasAttribute("data-local"))) return;
  element.dateTime = at;
  // The server renders moments in UTC.
  element.toggleAttribute("data-local", true);
  setText(element, words(localTime(at)));
}

/**
 * The job's message; why it failed stands by itself, once.
 *
 * @param {Job | null} job
 */
function messageOf(job) {
  if (!job) return isMissing() ? texts.noJob : texts.waitingForJob;
  return job.error ? "" : cleanText(job.message ?? "");
}

/** Whether there has been no job for long. */
export function isMissing() {
  return missingSince !== null && now() - missingSince >= MISSING_MS;
}

/** @param {Job | null} job */
function showProject(job) {
  const project = byId("project-link", HTMLAnchorElement);
  project.hidden = !job || !leadsElsewhere;
  if (!job || !leadsElsewhere) return;
  project.href = `${base}/projects/${encodeURIComponent(job.projectId)}`;
  setText(project, job.projectId);
}

/**
 * Branch, commit and so on; to be called when meta changed.
 *
 * @param {Job | null} job
 */
export function showSource(job) {
  byId("source").replaceChildren(...sources(job?.meta ?? {}).map(sourceItem));
}

/** @param {Source} source */
function sourceItem({ kind, text, href }) {
  const item = clone("source-template");
  item.dataset.kind = kind;
  field(item, "icon", SVGUseElement).setAttribute("href", `#i-${kind}`);
  field(item, "label").textContent = `${texts.source[kind]}: `;
  fillLinked(item, text, href);
  return item;
}

/** @param {Silence | null} silence */
function showSilence(silence) {
  const notice = byId("silence");
  notice.hidden = silence === null;
  if (!silence) return;
  notice.dataset.kind = silence.kind;
  setText(byId("silence-word"), silenceWords(silence));
  setText(byId("silence-more"), silenceMore(silence));
}
