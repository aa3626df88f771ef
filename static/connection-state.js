// How a page is connected, and what a connection expects of its page.

import { Refused } from "chef/api.js";

/** @import { EtaEvent, Job, JobEvent, RemovedEvent, StateEvent } from "chef/state.js" */

/** @typedef {"connecting" | "catching-up" | "live" | "waiting" | "reconnecting" | "ended" | "signed-out" | "refused"} ConnectionState */

/**
 * A page that a connection tells how it is.
 *
 * @typedef {object} ConnectedPage
 * @property {(state: ConnectionState) => void} showConnection
 * @property {(isSilent: boolean) => void} showSilence whether the connection says nothing although it was asked
 */

/**
 * A page that follows a job. `receive` gets each event of the job once and in order; `update` gets the job as it
 * stands, or null before its first update. `restart` reads the state and the newest lines anew, and drops what is
 * there unless it is of the same history; it promises the new seq. `isOver` tells whether nothing can come any more.
 *
 * @typedef {ConnectedPage & {
 *   receive: (name: string, event: JobEvent) => void,
 *   update: (job: Job | null) => void,
 *   restart: (isSameHistory: boolean) => Promise<number>,
 *   isOver: () => boolean,
 * }} JobPage
 */

/**
 * A page that follows projects. `receive` gets the events of their jobs; `refresh` reads the lists anew, since
 * something may have been missed.
 *
 * @typedef {ConnectedPage & {
 *   receive: (name: string, event: StateEvent | EtaEvent | RemovedEvent) => void,
 *   refresh: () => Promise<void>,
 * }} ListPage
 */

/** A connection that can follow further projects. @typedef {{ add: (projectIds: string[]) => void }} ProjectsConnection */

export const JOB_EVENTS = [
  "job:progress",
  "job:log",
  "job:logs",
  "job:eta",
  "job:stop",
  "job:questions",
  "job:completed",
  "job:error",
  "job:removed",
];
export const PROJECT_EVENTS = [
  "project:progress",
  "project:eta",
  "project:stop",
  "project:questions",
  "project:completed",
  "project:error",
  "job:removed",
  "project:removed",
];
export const RETRY_MS = 1_000;

/**
 * The state that a refusal over HTTP leaves the connection in; null where trying again may help.
 *
 * @param {unknown} error
 * @returns {"signed-out" | "refused" | null}
 */
export function finalState(error) {
  if (!(error instanceof Refused)) return null;
  if (error.status === 401) return "signed-out";
  return error.status === 403 ? "refused" : null;
}
