// The page of one job.

import { getJob, getJson, jobPath } from "chef/api.js";
import { Chip } from "chef/chip.js";
import { followJob } from "chef/connection.js";
import { byId, clone, everySecond, field, live, now, setIcon, setText } from "chef/dom.js";
import { duration, fileSize, jobName, percent, runningFor, webUrl } from "chef/format.js";
import { addKeys } from "chef/keys.js";
import { LogView } from "chef/log-view.js";
import { applyEvent, hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";

const FIRST_LINES = 500;
// Lines are taken for five minutes after a job's end (contract section 2).
const LATE_LINES_MS = 330_000;
const ICON_STEP = 5;

const { jobId } = live;
const chip = new Chip();
const log = new LogView({
  scroller: byId("log"),
  container: byId("lines"),
  button: byId("jump"),
  note: byId("log-note"),
  read: (parameters) => getJson(`${jobPath(jobId)}/logs`, parameters),
});
let job = live.job;
let connection = "connecting";
let rereading = null;

const page = {
  state(name) {
    connection = name;
    showConnection();
  },

  job(newest) {
    if (newest && newest.seq >= (job?.seq ?? 0)) show(newest);
  },

  event(name, event) {
    if (name === "job:log") log.add([event]);
    else if (name === "job:logs") log.add(event.lines);
    const before = job;
    const after = applyEvent(before, name, event);
    if (after === before) return;
    show(after);
    if (before === null || after.phase !== before.phase || hasEnded(after)) rereadSoon();
  },

  async afresh() {
    const newest = await getJob(jobId);
    const end = newest ? await getJson(`${jobPath(jobId)}/logs`, { tail: FIRST_LINES }) : { lines: [], total: 0 };
    log.reset(end.lines, end.total);
    job = null;
    show(newest);
    return newest?.seq ?? 0;
  },

  isOver() {
    return hasEnded(job) && now() - Date.parse(job.finishedAt) > LATE_LINES_MS;
  },
};

/** Read what events do not say. A little later, and not all viewers of a job at once. */
function rereadSoon() {
  rereading ??= setTimeout(
    async () => {
      rereading = null;
      try {
        page.job(await getJob(jobId));
      } catch {
        // The connection's own state says that the server is away; it reads the job when it is back.
      }
    },
    100 + Math.random() * 400,
  );
}

function show(newest) {
  const before = job;
  job = newest;
  if (job) chip.updatedAt = Date.parse(job.updatedAt);
  showConnection();
  showSummary();
  showTab();
  showFailure();
  showPhases();
  showLogHead();
  if (job?.artifacts !== before?.artifacts) showArtifacts();
  if (job?.meta !== before?.meta) showDetails();
  if (job && (job.status !== before?.status || job.phase !== before?.phase)) announce();
}

function showConnection() {
  const shown = connection === "live" && hasEnded(job) ? "ended" : connection;
  if (chip.state !== shown) chip.show(shown);
}

function showSummary() {
  const summary = byId("summary");
  summary.dataset.status = job?.status ?? "";
  setIcon(summary, job?.status);
  setText(field(summary, "status"), texts.status[job?.status] ?? texts.waiting);
  setText(byId("name"), job ? jobName(job) : jobId);
  setText(byId("message"), messageOf(job));
  byId("bar").value = job?.progress ?? 0;
  setText(byId("percent"), percent(job?.progress ?? 0));
  const project = byId("project-link");
  project.hidden = !job;
  if (job) {
    project.href = `/projects/${encodeURIComponent(job.projectId)}`;
    setText(project, job.projectId);
  }
}

/** What the job says; why it failed is said by itself, once. */
function messageOf(shown) {
  if (!shown) return texts.waitingForJob;
  return shown.error ? "" : (shown.message ?? "");
}

function showTab() {
  if (!job) return;
  const progress = hasEnded(job) ? "" : `${percent(job.progress)} `;
  const title = `${progress}${texts.status[job.status]} · ${jobName(job)}`;
  if (document.title !== title) document.title = title;
  const step = Math.floor(job.progress / ICON_STEP) * ICON_STEP;
  const icon = `/favicon.svg?status=${job.status}&progress=${step}`;
  if (byId("favicon").getAttribute("href") !== icon) byId("favicon").href = icon;
}

function showFailure() {
  const failure = byId("failure");
  failure.hidden = !job?.error;
  if (!job?.error) return;
  setText(byId("failure-word"), texts.status[job.status]);
  setText(byId("failure-message"), job.error.message ?? "");
  const code = byId("failure-code");
  code.hidden = job.error.code === null;
  setText(code, texts.code(job.error.code));
}

function showPhases() {
  const list = byId("phases");
  const spans = job?.phases ?? [];
  while (list.children.length > spans.length) list.lastElementChild.remove();
  while (list.children.length < spans.length) list.append(clone("phase-template"));
  if (spans.length === 0) return;
  const start = Date.parse(spans[0].startedAt);
  const end = job.finishedAt ? Date.parse(job.finishedAt) : now();
  const whole = Math.max(1, end - start);
  spans.forEach((span, index) => showPhase(list.children[index], span, start, whole));
}

function showPhase(row, span, start, whole) {
  const began = Date.parse(span.startedAt);
  const lasted = span.durationMs ?? Math.max(0, now() - began);
  row.classList.toggle("now", span.finishedAt === null);
  setText(field(row, "phase"), span.phase);
  setText(field(row, "duration"), span.finishedAt ? duration(lasted) : runningFor(lasted));
  const bar = field(row, "span");
  // A phase that took no time is still to be seen.
  bar.setAttribute("x", Math.min(99.2, ((began - start) / whole) * 100).toFixed(2));
  bar.setAttribute("width", Math.max(0.8, (lasted / whole) * 100).toFixed(2));
}

function showLogHead() {
  const count = Math.max(job?.lines ?? 0, log.total);
  setText(byId("line-count"), count ? texts.lines(count) : "");
  byId("raw-link").hidden = count === 0;
  setText(document.querySelector(".log-empty"), hasEnded(job) ? texts.emptyLog.ended : texts.emptyLog.running);
}

function showArtifacts() {
  const artifacts = job?.artifacts ?? [];
  byId("artifacts-section").hidden = artifacts.length === 0;
  byId("artifacts").replaceChildren(...artifacts.map(artifactRow));
}

function artifactRow(artifact) {
  const row = clone("artifact-template");
  const name = field(row, "name");
  name.textContent = artifact.name;
  field(row, "size").textContent = fileSize(artifact.size);
  const url = webUrl(artifact.url);
  if (url) name.replaceWith(link(url, artifact.name));
  return row;
}

function link(url, text) {
  const element = document.createElement("a");
  element.href = url;
  element.rel = "noopener noreferrer nofollow";
  const isolated = document.createElement("bdi");
  isolated.textContent = text;
  element.append(isolated);
  return element;
}

function showDetails() {
  // The title is the page's heading already.
  const isDetail = ([name, value]) => name !== "title" || typeof value !== "string";
  const entries = Object.entries(job?.meta ?? {}).filter(isDetail);
  byId("details-section").hidden = entries.length === 0;
  byId("details").replaceChildren(...entries.map(([name, value]) => detailRow(name, value)));
}

function detailRow(name, value) {
  const [row, term, description] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  term.textContent = name;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const url = webUrl(value);
  if (url) description.append(link(url, text));
  else {
    const isolated = document.createElement("bdi");
    isolated.textContent = text;
    description.append(isolated);
  }
  row.append(term, description);
  return row;
}

function announce() {
  setText(byId("announcement"), texts.announce(texts.status[job.status], hasEnded(job) ? "" : job.phase));
}

addKeys({
  name: "project",
  key: "u",
  description: texts.keys.project,
  handler: () => byId("project-link").hidden || byId("project-link").click(),
});
everySecond(() => {
  chip.tick();
  if (!job) return;
  const since = Date.parse(job.startedAt ?? job.createdAt);
  setText(byId("duration"), job.finishedAt ? duration(job.durationMs) : runningFor(now() - since));
  if (!hasEnded(job)) showPhases();
});
show(job);
followJob(jobId, job?.seq ?? 0, live.epoch, page);
