// The page of one project: its jobs, newest first.

import { isShared } from "chef/base.js";
import { followProjects } from "chef/connection.js";
import { live } from "chef/dom.js";
import { DurationChart } from "chef/duration-chart.js";
import { addKeys } from "chef/keys.js";
import { addListFilter } from "chef/list-filter.js";
import { addListKeys } from "chef/list-keys.js";
import { RunList } from "chef/run-list.js";
import { addSharing } from "chef/sharing.js";
import { texts } from "chef/texts.js";

const { projectId = "" } = live;
const chart = new DurationChart(projectId);
const list = new RunList({ changed: () => chart.renewSoon(), tick: () => chart.tick() });

if (!isShared) {
  addKeys({
    name: "overview",
    key: "u",
    description: texts.keys.overview,
    handler: () => location.assign("/"),
  });
}
addListFilter();
addListKeys();
addSharing(`/api/projects/${encodeURIComponent(projectId)}/shares`);
followProjects([projectId], list.lists);
