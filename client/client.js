// Chef's client for pages: follows a job or a project over breaks, hidden tabs and expired tokens.
//
// It needs no library: events come by fetch as JSON lines, or over Socket.IO where its client is passed.
// How it is used, and what the server promises: docs/watch.md.

import { Connection } from "./core/connection.js";
import { JobFollower } from "./core/job.js";
import { ProjectFollower } from "./core/project.js";

/** @import { JobOptions, JobState, ProjectOptions, ProjectState, Watch, WatchOptions } from "./client.d.ts" */
/** @import { Follower } from "./core/follower.js" */

export const VERSION = "0.1.0";

/**
 * Follow a job: its state and its log.
 *
 * @param {string | null | undefined} server its address; empty: the page's own
 * @param {string} jobId
 * @param {JobOptions} [options]
 * @returns {Watch<JobState>}
 */
export function watchJob(server, jobId, options = {}) {
  return watch(server, options, new JobFollower(jobId, options));
}

/**
 * Follow a project: its newest jobs, without their logs.
 *
 * @param {string | null | undefined} server its address; empty: the page's own
 * @param {string} projectId
 * @param {ProjectOptions} [options]
 * @returns {Watch<ProjectState>}
 */
export function watchProject(server, projectId, options = {}) {
  return watch(server, options, new ProjectFollower(projectId, options));
}

/**
 * @template State
 * @param {string | null | undefined} server
 * @param {WatchOptions<State>} options
 * @param {Follower<State>} follower
 * @returns {Watch<State>}
 */
function watch(server, options, follower) {
  const connection = new Connection(server, options, follower);
  return {
    get state() {
      return follower.state;
    },
    retry: () => connection.retry(),
    close() {
      connection.close();
      follower.close();
    },
  };
}
