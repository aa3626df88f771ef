// What is new in a failed job: kinds of lines that the newest green runs of its kind never printed.

import { getJson, jobPath } from "chef/api.js";
import { showsAll } from "chef/base.js";
import { byId, excerptLine, setText } from "chef/dom.js";
import { texts } from "chef/texts.js";

/** @import { Job } from "chef/state.js" */

/** @typedef {{ line: number, text: string, count: number }} NewKind */
/** What took longer, or less long, than in green runs. @typedef {{ phase: string, deltaMs: number }} PhaseAgainstGreen */
/** What is new in a job, as `GET /api/jobs/JOB/new` tells it; `lines` are the most telling first. @typedef {{ state: string, kinds: number, lines: NewKind[], phases: PhaseAgainstGreen[] }} Novelty */

/** What is shown, as text. @type {string | null} */
let shown = null;

// So often the server is asked while it still compares, a little after the end.
const AGAIN_MS = 4_000;
const MOST_ASKS = 15;
// More of them are as long to read as the log.
const MOST_KINDS = 50;

const box = byId("novelty");
/** The job that is asked about. @type {string | null} */
let asked = null;
// The number of the present question; an answer to an earlier one means nothing.
let turn = 0;

/**
 * To be called when a job's status may be another.
 *
 * @param {Job | null} job null where it is another job, or no more
 * @param {(found: Novelty | null) => void} take is told what is new, as soon as that is known, and null when it is no more
 */
export function showNovelty(job, take) {
  const wanted = showsAll && job?.status === "failed" ? job.jobId : null;
  if (wanted === asked) return;
  asked = wanted;
  turn += 1;
  shown = null;
  box.hidden = true;
  take(null);
  if (wanted !== null) ask(wanted, turn, take);
}

/**
 * To be called a little after lines came behind the end: the server compares the log anew.
 *
 * @param {(found: Novelty) => void} take
 */
export function renewNovelty(take) {
  if (asked === null) return;
  turn += 1;
  ask(asked, turn, take);
}

/**
 * @param {string} jobId
 * @param {number} own
 * @param {(found: Novelty) => void} take
 */
async function ask(jobId, own, take, left = MOST_ASKS) {
  /** @type {Novelty | null} */
  const found = await getJson(`${jobPath(jobId)}/new`).catch(() => null);
  if (own !== turn) return;
  if (found?.state === "ready") {
    const asText = JSON.stringify(found);
    if (asText === shown) return;
    shown = asText;
    show(found);
    take(found);
  } else if (found?.state !== "none" && left > 1) {
    // Where the server is not done, or away, it is asked again.
    setTimeout(() => own === turn && ask(jobId, own, take, left - 1), AGAIN_MS);
  }
}

/** @param {Novelty} found */
function show({ lines, kinds }) {
  box.hidden = lines.length === 0;
  if (lines.length === 0) return;
  const first = Math.min(...lines.map(({ line }) => line));
  setText(byId("novelty-word"), texts.newKinds(kinds, first));
  const more = kinds - Math.min(lines.length, MOST_KINDS);
  byId("novelty-more").hidden = more <= 0;
  setText(byId("novelty-more"), more > 0 ? texts.moreKinds(more) : "");
  byId("novelty-lines").replaceChildren(...lines.slice(0, MOST_KINDS).map(excerptLine));
}
