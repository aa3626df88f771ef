// The overview with a filter: the jobs of all projects that are as asked for.

import { getJson } from "chef/api.js";
import { followProjects } from "chef/connection.js";
import { constants } from "chef/constants.js";
import { addListFilter } from "chef/list-filter.js";
import { addListKeys } from "chef/list-keys.js";
import { RunList } from "chef/run-list.js";

// New projects announce themselves to nobody.
const LOOK_MS = 10_000;

const list = new RunList();
const connection = followProjects([], list.lists);

/** Follow all projects, those that came since included. */
async function look() {
  try {
    /** @type {{ projects: { projectId: string }[] }} */
    const { projects } = await getJson("/api/projects", { limit: constants.limits.projects });
    (await connection).add(projects.map(({ projectId }) => projectId));
  } catch {
    // The connection's own state says that the server is away.
  }
  setTimeout(look, LOOK_MS);
}

look();
addListFilter();
addListKeys();
