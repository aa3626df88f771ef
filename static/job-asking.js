// What happened to a job since, asked for without a stream.

import { getJob, getJson, jobPath } from "chef/api.js";

/** @import { Job, JobEvent } from "chef/state.js" */

/**
 * Have `receive` take the events of a job that are not known yet; promises the job as it stands.
 *
 * @param {string} jobId
 * @param {() => number} seq the newest event that is known
 * @param {(name: string, event: JobEvent) => void} receive
 * @returns {Promise<Job | null>}
 */
export async function askForEvents(jobId, seq, receive) {
  const job = await getJob(jobId);
  for (let after = -1; after < seq() && seq() < (job?.seq ?? 0); ) {
    after = seq();
    /** @type {{ events: { event: string, data: JobEvent }[] }} */
    const { events } = await getJson(`${jobPath(jobId)}/events`, { after });
    for (const { event, data } of events) receive(event, data);
  }
  return job;
}
