// The page of one project: its jobs, newest first.

import { getJson } from "chef/api.js";
import { followProjects } from "chef/connection.js";
import { constants } from "chef/constants.js";
import { arrange, byId, clone, live } from "chef/dom.js";
import { fillJobRow } from "chef/job-row.js";
import { addKeys } from "chef/keys.js";
import { addListKeys } from "chef/list-keys.js";
import { JobLists, showRunning } from "chef/lists.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";

const list = byId("jobs");
const rows = new Map([...list.children].map((row) => [row.dataset.job, row]));
let order = [];
let isRead = false;

const lists = new JobLists({
  async read() {
    const parameters = { projectId: live.projectId, limit: constants.limits.jobs };
    if (live.status) parameters.status = live.status;
    const cursor = new URLSearchParams(location.search).get("cursor");
    if (cursor) parameters.cursor = cursor;
    const { jobs } = await getJson("/api/jobs", parameters);
    for (const job of jobs) lists.put(job);
    order = jobs.map((job) => job.jobId);
    isRead = true;
  },
  paint,
  takesNew: (event) => live.isNewest && isShown(event),
});

/** Whether a job is one of those that the page is about. */
function isShown(job) {
  if (!live.status) return true;
  return live.status === "running" ? !hasEnded(job) : job.status === live.status;
}

function paint() {
  if (!isRead) return;
  const shown = order.filter((jobId) => isShown(lists.jobs.get(jobId)));
  for (const jobId of rows.keys()) if (!shown.includes(jobId)) rows.delete(jobId);
  for (const jobId of shown) {
    if (!rows.has(jobId)) rows.set(jobId, clone("job-template"));
    fillJobRow(rows.get(jobId), lists.jobs.get(jobId));
  }
  showRunning(shown.map((jobId) => lists.jobs.get(jobId)));
  arrange(
    list,
    shown.map((jobId) => rows.get(jobId)),
  );
}

addKeys({
  name: "overview",
  key: "u",
  description: texts.keys.overview,
  handler: () => location.assign("/"),
});
addListKeys();
followProjects([live.projectId], lists);
