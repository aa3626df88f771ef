// What is new in a failed job: kinds of lines that the newest green runs of its kind never printed.

import { getJson, jobPath } from "chef/api.js";
import { byId, clone, field, setText } from "chef/dom.js";
import { texts } from "chef/texts.js";

/** @import { Job } from "chef/state.js" */

/** @typedef {{ line: number, text: string, count: number }} NewKind */

// So often the server is asked while it still compares, a little after the end.
const AGAIN_MS = 4_000;
const MOST_ASKS = 15;
// More of them are as long to read as the log.
const MOST_KINDS = 50;

const box = byId("novelty");
/** The job that was asked for. @type {string | null} */
let asked = null;

/**
 * To be called when a job's status may be another.
 *
 * @param {Job | null} job
 */
export function showNovelty(job) {
  const isFailed = job?.status === "failed";
  if (!isFailed) box.hidden = true;
  else if (asked !== job.jobId) ask(job.jobId);
  asked = isFailed ? job.jobId : null;
}

/** @param {string} jobId */
async function ask(jobId, left = MOST_ASKS) {
  let state = "pending";
  try {
    const answer = await getJson(`${jobPath(jobId)}/new`);
    state = answer.state;
    if (state === "ready") show(answer.lines, answer.kinds);
  } catch {
    // It is asked again, like where the server is not done.
  }
  if (state === "pending" && left > 1) setTimeout(() => asked === jobId && ask(jobId, left - 1), AGAIN_MS);
}

/**
 * @param {NewKind[]} lines the most telling first
 * @param {number} kinds
 */
function show(lines, kinds) {
  box.hidden = lines.length === 0;
  if (lines.length === 0) return;
  const first = Math.min(...lines.map(({ line }) => line));
  setText(byId("novelty-word"), texts.newKinds(kinds, first));
  byId("novelty-lines").replaceChildren(
    ...lines.slice(0, MOST_KINDS).map(({ line, text }) => {
      const item = clone("excerpt-line-template");
      const link = field(item, "link", HTMLAnchorElement);
      link.href = `#L${line}`;
      link.textContent = String(line);
      field(item, "text").textContent = text;
      return item;
    }),
  );
}
