// The live part of a page: Socket.IO, or server-sent events where it is off, does not get through, or its client is
// not here.

import { live } from "chef/dom.js";
import { tellObstacle } from "chef/last-resort.js";
import { JobOnSocket, ProjectsOnSocket } from "chef/socket-connection.js";
import { JobOnStream, Polling, ProjectOnStream } from "chef/stream-connection.js";

/** @import { JobPage, ListPage, ProjectsConnection } from "chef/connection-state.js" */

/**
 * Follow a job from `seq` on, in the history that `epoch` names.
 *
 * @param {string} jobId
 * @param {number} seq
 * @param {string} epoch
 * @param {JobPage} page
 */
export async function followJob(jobId, seq, epoch, page) {
  const io = await socketIo();
  if (!io) return new JobOnStream(jobId, seq, page);
  return new JobOnSocket(io, { jobId, seq, epoch, page }, (reached, obstacle) => {
    tellObstacle(obstacle);
    new JobOnStream(jobId, reached, page);
  });
}

/**
 * Follow projects; `add` further ones to the promised connection.
 *
 * @param {string[]} projectIds
 * @param {ListPage} page
 * @returns {Promise<ProjectsConnection>}
 */
export async function followProjects(projectIds, page) {
  const io = await socketIo();
  if (!io) return withoutSocket(page);
  /** @type {ProjectsConnection} */
  let followed = new ProjectsOnSocket(io, projectIds, page, (obstacle) => {
    tellObstacle(obstacle);
    followed = withoutSocket(page);
  });
  return { add: (ids) => followed.add(ids) };
}

/**
 * @param {ListPage} page
 * @returns {ProjectsConnection}
 */
function withoutSocket(page) {
  return live.projectId ? new ProjectOnStream(live.projectId, page) : new Polling(page);
}

/** The Socket.IO client that npm brought, if it is to be used and can be loaded. */
async function socketIo() {
  if (live.transport !== "socket") return null;
  try {
    return (await import("socket.io-client")).io;
  } catch {
    return null;
  }
}
