// The button that copies a job as Markdown, for an issue or a chat: what `GET /api/jobs/JOB/digest` says.

import { getText, jobPath } from "chef/api.js";
import { showsAll } from "chef/base.js";
import { byId, setText } from "chef/dom.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";

/** @import { Job } from "chef/state.js" */

const SAID_MS = 2_000;
const button = byId("copy-digest");
const word = byId("copy-digest-word");

/** @param {string} jobId */
export function offerDigest(jobId) {
  button.addEventListener("click", async () => {
    setText(word, (await copyDigest(jobId)) ? texts.copied : texts.copyFailed);
    setTimeout(() => setText(word, texts.copyDigest), SAID_MS);
  });
}

/**
 * A job that has ended can be told; without a clipboard there is nothing to copy to.
 *
 * @param {Job | null} job
 */
export function showDigestButton(job) {
  button.hidden = !showsAll || !hasEnded(job) || !navigator.clipboard;
}

/** @param {string} jobId */
async function copyDigest(jobId) {
  try {
    const digest = await getText(`${jobPath(jobId)}/digest`, {}, "text/markdown");
    await navigator.clipboard.writeText(digest);
    return true;
  } catch {
    return false;
  }
}
