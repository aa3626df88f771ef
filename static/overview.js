// The overview: what runs now, and all projects with the outcome of their newest jobs.

import { getJson } from "chef/api.js";
import { followProjects } from "chef/connection.js";
import { constants } from "chef/constants.js";
import { arrange, byId, clone, expected, field, live, now, setIcon, setText, setWhen } from "chef/dom.js";
import { setHref, showState } from "chef/job-row.js";
import { addListFilter } from "chef/list-filter.js";
import { addListKeys } from "chef/list-keys.js";
import { JobLists, rowsOf, showRunning } from "chef/lists.js";
import { rowTitle } from "chef/row-words.js";
import { isActive, RunRows } from "chef/run-rows.js";
import { shownStatus } from "chef/silence.js";
import { Strangers } from "chef/strangers.js";
import { texts } from "chef/texts.js";

/** @import { Parameters } from "chef/api.js" */
/** @import { Run } from "chef/run-row.js" */
/** @import { Job, StateEvent } from "chef/state.js" */

/** @typedef {{ projectId: string, jobIds: string[] }} ShownProject a project and its newest jobs, the newest first */
/** @typedef {{ projectId: string, newestJob: Job | null }} ListedProject as `GET /api/projects` lists it */

// As many as the server renders.
const { limits } = constants;
// New projects announce themselves to nobody: the overview looks for them.
const LOOK_MS = 4_000;

// Only the newest part of the list of projects shows what runs.
const runningList = document.getElementById("running");
const projectRows = rowsOf(byId("projects"), "project");
/** @type {ShownProject[] | null} */
let projects = null;

// Whether all that runs is shown, and not the newest alone.
let showsAll = new URLSearchParams(location.search).get("running") === "all";

const isNewest = live.isNewest ?? false;
const lists = new JobLists({
  read,
  paint,
  takesNew: (event) => isNewest && isNews(event),
  takesKnown: (_before, { jobId, status }) => isNewest && running?.hasChanged(jobId, status) === true,
});
const running = runningList && new RunRows(runningList);
const strangers = new Strangers();
const connection = followProjects([...projectRows.keys()], lists);

async function read() {
  const found = await readProjects();
  const [recent, runningNow] = isNewest
    ? await Promise.all([readJobs({ limit: limits.recentJobs }), readRunning()])
    : [[], []];
  const listed = found.flatMap((project) => project.newestJob ?? []);
  for (const job of [...recent, ...listed]) lists.put(job);
  running?.take(runningNow, lists);
  projects = found.map(({ projectId, newestJob }) => ({
    projectId,
    jobIds: newestOf(
      recent.filter((job) => job.projectId === projectId),
      newestJob,
    ).map((job) => job.jobId),
  }));
  lists.keep([...(running?.jobIds ?? []), ...projects.flatMap(({ jobIds }) => jobIds)]);
}

/**
 * Whether an event of a job that is not shown is a reason to read the lists anew: a new job, or one that begins or ends.
 *
 * @param {StateEvent} event
 */
function isNews({ jobId, status = "" }) {
  if (running?.isMember(jobId)) return running.hasChanged(jobId, status);
  return strangers.isNews(`${jobId} ${status}`);
}

/**
 * A project's newest jobs: those among the newest of all, its very newest in any case.
 *
 * @param {Job[]} jobs
 * @param {Job | null} newest
 */
function newestOf(jobs, newest) {
  if (jobs.length > 0) return jobs.slice(0, limits.outcomes);
  return newest ? [newest] : [];
}

/** @returns {Promise<ListedProject[]>} */
async function readProjects() {
  /** @type {Parameters} */
  const parameters = { limit: limits.projects };
  const cursor = new URLSearchParams(location.search).get("cursor");
  if (cursor) parameters.cursor = cursor;
  return (await getJson("/api/projects", parameters)).projects;
}

/**
 * @param {Parameters} parameters
 * @returns {Promise<Job[]>}
 */
async function readJobs(parameters) {
  return (await getJson("/api/jobs", parameters)).jobs;
}

/** @returns {Promise<Run[]>} */
async function readRunning() {
  return (await getJson("/api/runs", { active: 1, limit: limits.runningRuns })).runs;
}

function paint() {
  if (projects === null) return;
  const isEmpty = projects.length === 0;
  paintRunning(isEmpty);
  byId("projects-section").hidden = isEmpty;
  byId("filter-section").hidden = isEmpty;
  byId("empty").hidden = !isEmpty || !isNewest;
  const rows = projects.map((project) => {
    const row = rowFor(projectRows, project.projectId, "project-template");
    paintProject(row, project);
    return row;
  });
  arrange(byId("projects"), rows);
}

/** @param {boolean} isEmpty there is no project at all */
function paintRunning(isEmpty) {
  if (!running) return;
  byId("running-section").hidden = isEmpty;
  const { length } = running.paint(lists, isActive, showsAll ? undefined : limits.runningShown);
  byId("running-all").hidden = showsAll || length <= limits.runningShown;
  setText(byId("running-all"), texts.all(length));
  showRunning(length);
}

/**
 * @param {Map<string, HTMLElement>} rows
 * @param {string} key
 * @param {string} template
 */
function rowFor(rows, key, template) {
  const row = rows.get(key) ?? clone(template);
  rows.set(key, row);
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {ShownProject} project
 */
function paintProject(row, { projectId, jobIds }) {
  row.dataset.project = projectId;
  setHref(field(row, "link"), `/projects/${encodeURIComponent(projectId)}`);
  setText(field(row, "name"), projectId);
  const outcomes = field(row, "outcomes");
  const rows = rowsOf(outcomes, "job");
  const jobs = lists.known(jobIds);
  arrange(
    outcomes,
    jobs.map((job) => paintOutcome(rowFor(rows, job.jobId, "outcome-template"), job)),
  );
  if (jobs.length > 0) paintNewest(row, jobs[0]);
}

/**
 * @param {HTMLElement} row
 * @param {Job} job
 */
function paintOutcome(row, job) {
  row.dataset.job = job.jobId;
  setIcon(row, shownStatus(job, now()));
  const link = field(row, "link");
  setHref(link, `/jobs/${encodeURIComponent(job.jobId)}`);
  const words = texts.outcome(job.jobId, showState(row, job));
  if (link.title !== words) {
    link.title = words;
    link.setAttribute("aria-label", words);
  }
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {Job} job
 */
function paintNewest(row, job) {
  const state = expected(field(row, "newest").closest("[data-status]"));
  setHref(field(row, "newest-link"), `/jobs/${encodeURIComponent(job.jobId)}`);
  setText(field(row, "newest"), rowTitle(job.meta, job.jobId));
  setText(field(row, "status"), showState(state, job));
  setWhen(field(row, "when", HTMLTimeElement), job.updatedAt);
}

/** Look for projects that came since, and follow them. */
async function look() {
  try {
    if (isNewest && !document.hidden && projects !== null) {
      const found = (await readProjects()).map(({ projectId }) => projectId);
      const known = new Set(projects.map(({ projectId }) => projectId));
      if (found.some((projectId) => !known.has(projectId))) {
        await lists.refresh();
        (await connection).add(found);
      }
    }
  } catch {
    // The connection's own state says that the server is away.
  }
  setTimeout(look, LOOK_MS);
}

setTimeout(look, LOOK_MS);
document.getElementById("running-all")?.addEventListener("click", (event) => {
  event.preventDefault();
  showsAll = true;
  paint();
});
offerToCopy();
addListFilter();
addListKeys();

function offerToCopy() {
  const button = byId("copy");
  if (!navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId("try-it").textContent ?? "");
    setText(button, texts.copied);
    setTimeout(() => setText(button, texts.copy), 2_000);
  });
}
