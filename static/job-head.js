// The head of a job's page: name, state, where it comes from, progress, and why it failed or is silent.

import { constants } from "chef/constants.js";
import { byId, clone, field, now, setIcon, setText } from "chef/dom.js";
import { age, duration, jobName, percent, runningFor } from "chef/format.js";
import { fillLinked } from "chef/linked.js";
import { shownStatus, silenceOf } from "chef/silence.js";
import { texts } from "chef/texts.js";

const SOURCE_KINDS = constants.sourceKinds;

/** Whether an entry of `meta` says where the build comes from; the others are details. */
export function isSource([name, value]) {
  return SOURCE_KINDS.includes(name) && typeof value === "string";
}

export function showHead(job, jobId) {
  setText(byId("name"), job ? jobName(job) : jobId);
  setText(byId("message"), messageOf(job));
  showProgress(job);
  showProject(job);
  showFailure(job);
  tickHead(job);
}

/** Say anew what changes with time alone. */
export function tickHead(job) {
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

/** What the job says; why it failed is said by itself, once. */
function messageOf(job) {
  if (!job) return texts.waitingForJob;
  return job.error ? "" : (job.message ?? "");
}

function showProgress(job) {
  const progress = job?.progress ?? 0;
  const bar = byId("bar");
  bar.value = progress;
  bar.setAttribute("aria-valuenow", progress);
  bar.setAttribute("aria-valuetext", texts.percentOfPhase(percent(progress), phaseWord(job?.phase)));
  setText(byId("percent"), percent(progress));
}

export function phaseWord(phase) {
  return Object.hasOwn(texts.phase, phase) ? texts.phase[phase] : phase;
}

function showProject(job) {
  const project = byId("project-link");
  project.hidden = !job;
  if (!job) return;
  project.href = `/projects/${encodeURIComponent(job.projectId)}`;
  setText(project, job.projectId);
}

/** Branch, commit and so on; to be called when meta changed. */
export function showSource(job) {
  const known = Object.fromEntries(
    Object.entries(job?.meta ?? {}).filter((entry) => isSource(entry) && entry[1]),
  );
  const kinds = SOURCE_KINDS.filter((kind) => kind in known);
  byId("source").replaceChildren(...kinds.map((kind) => sourceItem(kind, known[kind])));
}

function sourceItem(kind, value) {
  const item = clone("source-template");
  item.dataset.kind = kind;
  field(item, "icon").setAttribute("href", `#i-${kind}`);
  field(item, "label").textContent = `${texts.source[kind]}: `;
  fillLinked(item, value);
  return item;
}

function showFailure(job) {
  const failure = byId("failure");
  failure.hidden = !job?.error;
  if (!job?.error) return;
  setText(byId("failure-word"), texts.status[job.status]);
  setText(byId("failure-message"), job.error.message ?? "");
  const code = byId("failure-code");
  code.hidden = job.error.code === null;
  setText(code, texts.code(job.error.code));
}

function showSilence(silence) {
  const notice = byId("silence");
  notice.hidden = silence === null;
  if (!silence) return;
  const { kind, silent, unheard } = silence;
  notice.dataset.kind = kind;
  setText(byId("silence-word"), kind === "lost" ? texts.status.lost : texts.silence.silent(age(silent)));
  setText(byId("silence-more"), texts.silence[kind](age(unheard)));
}
