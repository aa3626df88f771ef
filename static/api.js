// Reading over HTTP.

import { base } from "chef/base.js";

/** @import { Job } from "chef/state.js" */

/** A request that was refused: `status` says how. */
export class Refused extends Error {
  /** @param {number} status */
  constructor(status) {
    super(`the server answered ${status}`);
    this.status = status;
  }
}

/** @typedef {Record<string, string | number>} Parameters the parameters of a query */

/**
 * The JSON that a path of the API answers, of which the caller knows the type.
 *
 * @param {string} path
 * @param {Parameters} [parameters]
 * @returns {Promise<any>}
 * @throws {Refused} and TypeError where nobody answers
 */
export async function getJson(path, parameters = {}) {
  return (await get(path, parameters, "application/json", 20_000)).json();
}

/**
 * The same for text, which may be long.
 *
 * @param {string} path
 * @param {Parameters} [parameters]
 * @param {string} [type]
 */
export async function getText(path, parameters = {}, type = "text/plain") {
  return (await get(path, parameters, type, 120_000)).text();
}

/**
 * @param {string} path
 * @param {Parameters} parameters
 * @param {string} type
 * @param {number} milliseconds the longest time to wait
 */
async function get(path, parameters, type, milliseconds) {
  const pairs = Object.entries(parameters).map(([name, value]) => [name, String(value)]);
  const query = new URLSearchParams(pairs).toString();
  const answer = await fetch(`${base}${path}${query ? `?${query}` : ""}`, {
    headers: { Accept: type },
    signal: AbortSignal.timeout(milliseconds),
  });
  if (!answer.ok) throw new Refused(answer.status);
  return answer;
}

/** @param {string} jobId */
export function jobPath(jobId) {
  return `/api/jobs/${encodeURIComponent(jobId)}`;
}

/**
 * A job, or null before its first update.
 *
 * @param {string} jobId
 * @returns {Promise<Job | null>}
 */
export async function getJob(jobId) {
  try {
    return await getJson(jobPath(jobId));
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}
