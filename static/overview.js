// The overview: what runs now, and all projects with the outcome of their newest jobs.

import { getJson } from "chef/api.js";
import { followProjects } from "chef/connection.js";
import { constants } from "chef/constants.js";
import { arrange, byId, clone, field, live, now, setIcon, setText, setWhen } from "chef/dom.js";
import { jobName } from "chef/format.js";
import { fillJobRow, setHref } from "chef/job-row.js";
import { addListKeys } from "chef/list-keys.js";
import { JobLists, showRunning } from "chef/lists.js";
import { shownStatus } from "chef/silence.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";

// As many as the server renders.
const { limits } = constants;
// New projects announce themselves to nobody: the overview looks for them.
const LOOK_MS = 4_000;

const rowsOf = (list, key) => new Map([...(list?.children ?? [])].map((row) => [row.dataset[key], row]));
const runningRows = rowsOf(byId("running"), "job");
const projectRows = rowsOf(byId("projects"), "project");
let running = [];
let projects = null;

const lists = new JobLists({ read, paint, takesNew: () => live.isNewest });
const connection = followProjects([...projectRows.keys()], lists);

async function read() {
  const found = await readProjects();
  const [recent, now] = live.isNewest
    ? await Promise.all([readJobs({ limit: limits.recentJobs }), readRunning()])
    : [[], []];
  const listed = found.map((project) => project.newestJob).filter(Boolean);
  for (const job of [...recent, ...now, ...listed]) lists.put(job);
  running = now.map((job) => job.jobId);
  const jobsOf = new Map(found.map(({ projectId }) => [projectId, []]));
  for (const job of recent) jobsOf.get(job.projectId)?.push(job);
  projects = found.map(({ projectId, newestJob }) => ({
    projectId,
    jobs: newestOf(jobsOf.get(projectId), newestJob).map((job) => job.jobId),
  }));
}

/** A project's newest jobs: those among the newest of all, its very newest in any case. */
function newestOf(jobs, newest) {
  if (jobs.length > 0) return jobs.slice(0, limits.outcomes);
  return newest ? [newest] : [];
}

async function readProjects() {
  const parameters = { limit: limits.projects };
  const cursor = new URLSearchParams(location.search).get("cursor");
  if (cursor) parameters.cursor = cursor;
  return (await getJson("/api/projects", parameters)).projects;
}

async function readJobs(parameters) {
  return (await getJson("/api/jobs", parameters)).jobs;
}

const readRunning = () => readJobs({ status: "running", limit: limits.runningJobs });

function paint() {
  if (projects === null) return;
  paintRunning();
  const none = projects.length === 0;
  byId("projects-section").hidden = none;
  byId("empty").hidden = !none || !live.isNewest;
  for (const project of projects)
    paintProject(rowFor(projectRows, project.projectId, "project-template"), project);
  arrange(
    byId("projects"),
    projects.map(({ projectId }) => projectRows.get(projectId)),
  );
}

function paintRunning() {
  if (!byId("running")) return;
  byId("running-section").hidden = projects.length === 0;
  const jobs = running.map((jobId) => lists.jobs.get(jobId)).filter((job) => !hasEnded(job));
  for (const job of jobs) fillJobRow(rowFor(runningRows, job.jobId, "job-template"), job);
  arrange(
    byId("running"),
    jobs.map((job) => runningRows.get(job.jobId)),
  );
  showRunning(jobs);
}

function rowFor(rows, key, template) {
  if (!rows.has(key)) rows.set(key, clone(template));
  return rows.get(key);
}

function paintProject(row, { projectId, jobs }) {
  row.dataset.project = projectId;
  setHref(field(row, "link"), `/projects/${encodeURIComponent(projectId)}`);
  setText(field(row, "name"), projectId);
  const outcomes = field(row, "outcomes");
  const known = rowsOf(outcomes, "job");
  arrange(
    outcomes,
    jobs.map((jobId) => paintOutcome(rowFor(known, jobId, "outcome-template"), jobId)),
  );
  const newest = lists.jobs.get(jobs[0]);
  if (newest) paintNewest(row, newest);
}

function paintOutcome(row, jobId) {
  const status = shownStatus(lists.jobs.get(jobId), now());
  row.dataset.job = jobId;
  row.dataset.status = status;
  setIcon(row, status);
  const link = field(row, "link");
  setHref(link, `/jobs/${encodeURIComponent(jobId)}`);
  const words = texts.outcome(jobId, texts.status[status]);
  if (link.title !== words) {
    link.title = words;
    link.setAttribute("aria-label", words);
  }
  return row;
}

function paintNewest(row, job) {
  const status = shownStatus(job, now());
  field(row, "newest").closest("[data-status]").dataset.status = status;
  setHref(field(row, "newest-link"), `/jobs/${encodeURIComponent(job.jobId)}`);
  setText(field(row, "newest"), jobName(job));
  setText(field(row, "status"), texts.status[status]);
  setWhen(field(row, "when"), job.updatedAt);
}

/** Look for projects that came since, and follow them. */
async function look() {
  try {
    if (live.isNewest && !document.hidden && projects !== null) {
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
offerToCopy();
addListKeys();

function offerToCopy() {
  const button = byId("copy");
  if (!button || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId("try-it").textContent);
    setText(button, texts.copied);
    setTimeout(() => setText(button, texts.copy), 2_000);
  });
}
