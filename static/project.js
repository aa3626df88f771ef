// The page of one project: its jobs, newest first.

import { getJson } from "chef/api.js";
import { followProjects } from "chef/connection.js";
import { constants } from "chef/constants.js";
import { arrange, byId, clone, live } from "chef/dom.js";
import { DurationChart } from "chef/duration-chart.js";
import { fillJobRow } from "chef/job-row.js";
import { addKeys } from "chef/keys.js";
import { addListKeys } from "chef/list-keys.js";
import { JobLists, rowsOf, showRunning } from "chef/lists.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";

/** @import { Parameters } from "chef/api.js" */
/** @import { Job } from "chef/state.js" */

const { projectId = "", status, isNewest = false } = live;
const list = byId("jobs");
const chart = new DurationChart(projectId);
const rows = rowsOf(list, "job");
/** @type {string[]} */
let order = [];
let isRead = false;

const lists = new JobLists({
  async read() {
    /** @type {Parameters} */
    const parameters = { projectId, limit: constants.limits.jobs };
    if (status) parameters.status = status;
    const cursor = new URLSearchParams(location.search).get("cursor");
    if (cursor) parameters.cursor = cursor;
    /** @type {{ jobs: Job[] }} */
    const { jobs } = await getJson("/api/jobs", parameters);
    for (const job of jobs) lists.put(job);
    order = jobs.map((job) => job.jobId);
    // What was missed may have been an end.
    if (isRead && isNewest) chart.renewSoon();
    isRead = true;
  },
  paint,
  ended: () => isNewest && chart.renewSoon(),
  takesNew: (event) => isNewest && isShown(event),
});

/**
 * Whether a job is one of those that the page is about.
 *
 * @param {{ status?: string }} job
 */
function isShown(job) {
  if (!status) return true;
  return status === "running" ? !hasEnded({ status: job.status ?? "" }) : job.status === status;
}

function paint() {
  if (!isRead) return;
  chart.tick();
  const jobs = lists.known(order).filter(isShown);
  const shown = new Set(jobs.map(({ jobId }) => jobId));
  for (const jobId of rows.keys()) if (!shown.has(jobId)) rows.delete(jobId);
  for (const job of jobs) {
    const row = rows.get(job.jobId) ?? clone("job-template");
    rows.set(job.jobId, row);
    fillJobRow(row, job);
  }
  showRunning(jobs);
  arrange(
    list,
    jobs.flatMap(({ jobId }) => rows.get(jobId) ?? []),
  );
}

addKeys({
  name: "overview",
  key: "u",
  description: texts.keys.overview,
  handler: () => location.assign("/"),
});
addListKeys();
followProjects([projectId], lists);
