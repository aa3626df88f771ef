// The head of a job's page: name, state, where it comes from, progress, and why it failed or is silent.

import { constants } from "chef/constants.js";
import { byId, clone, field, now, setIcon, setText } from "chef/dom.js";
import { cleanText } from "chef/escapes.js";
import { duration, jobName, runningFor } from "chef/format.js";
import { showFailure } from "chef/job-failure.js";
import { showProgress } from "chef/job-progress.js";
import { showReason } from "chef/job-reason.js";
import { fillLinked } from "chef/linked.js";
import { shownStatus, silenceOf } from "chef/silence.js";
import { silenceMore, silenceWords } from "chef/silence-words.js";
import { texts } from "chef/texts.js";

/** @import { Silence } from "chef/silence.js" */
/** @import { Job } from "chef/state.js" */

const SOURCE_KINDS = constants.sourceKinds;

/**
 * Whether an entry of `meta` says where the build comes from; the others are details.
 *
 * @param {[string, unknown]} entry
 * @returns {entry is [string, string]}
 */
export function isSource(entry) {
  const [name, value] = entry;
  return SOURCE_KINDS.includes(name) && typeof value === "string";
}

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
  setText(byId("duration"), job.finishedAt ? duration(job.durationMs) : runningFor(now() - since));
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
  project.hidden = !job;
  if (!job) return;
  project.href = `/projects/${encodeURIComponent(job.projectId)}`;
  setText(project, job.projectId);
}

/**
 * Branch, commit and so on; to be called when meta changed.
 *
 * @param {Job | null} job
 */
export function showSource(job) {
  const known = new Map(Object.entries(job?.meta ?? {}).filter(isSource));
  const items = SOURCE_KINDS.map((kind) => ({ kind, value: known.get(kind) }));
  byId("source").replaceChildren(
    ...items.flatMap(({ kind, value }) => (value ? [sourceItem(kind, value)] : [])),
  );
}

/**
 * @param {string} kind
 * @param {string} value
 */
function sourceItem(kind, value) {
  const item = clone("source-template");
  item.dataset.kind = kind;
  field(item, "icon", SVGUseElement).setAttribute("href", `#i-${kind}`);
  field(item, "label").textContent = `${texts.source[kind]}: `;
  fillLinked(item, value);
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
