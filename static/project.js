// The page of one project: its jobs, newest first.

import { getJson } from "chef/api.js";
import { followProjects } from "chef/connection.js";
import { arrange, byId, clone, live } from "chef/dom.js";
import { fillJobRow } from "chef/job-row.js";
import { addKeys } from "chef/keys.js";
import { addListKeys } from "chef/list-keys.js";
import { JobLists } from "chef/lists.js";
import { texts } from "chef/texts.js";

const LIMIT = 50;

const list = byId("jobs");
const rows = new Map([...list.children].map((row) => [row.dataset.job, row]));
let order = [];

const lists = new JobLists({
  async read() {
    const parameters = { projectId: live.projectId, limit: LIMIT };
    const cursor = new URLSearchParams(location.search).get("cursor");
    if (cursor) parameters.cursor = cursor;
    const { jobs } = await getJson("/api/jobs", parameters);
    jobs.forEach((job) => lists.put(job));
    order = jobs.map((job) => job.jobId);
  },
  paint,
  takesNew: live.isNewest,
});

function paint() {
  if (order.length === 0) return;
  for (const jobId of rows.keys()) if (!order.includes(jobId)) rows.delete(jobId);
  for (const jobId of order) {
    if (!rows.has(jobId)) rows.set(jobId, clone("job-template"));
    fillJobRow(rows.get(jobId), lists.jobs.get(jobId));
  }
  arrange(list, order.map((jobId) => rows.get(jobId)));
}

addKeys({ name: "overview", key: "u", description: texts.keys.overview, handler: () => location.assign("/") });
addListKeys();
followProjects([live.projectId], lists);
