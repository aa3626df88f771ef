// Whether all of a log arrived, in words, as chef/pages/verdict.py says it.

import { fileSize } from "chef/format.js";
import { number } from "chef/i18n.js";
import { texts } from "chef/texts.js";

/** @import { Gap, Job } from "chef/state.js" */

/**
 * A headline, and a list of what it is made of.
 *
 * @typedef {{ complete: boolean, word: string, faults: string[] }} Verdict
 */

/**
 * The verdict on a job's log, or null where nobody said what there is to arrive.
 *
 * @param {Job | null} job
 * @returns {Verdict | null}
 */
export function verdictOn(job) {
  const found = job?.integrity;
  if (!found) return null;
  const words = texts.integrity;
  const faults = [
    ...(found.missing ?? []).map((gap) => words.missing(placeOfLines(gap))),
    ...(found.surplus ?? []).map((more) => words.surplus(placeOf(more))),
    ...(found.differs ?? []).map(({ stream }) => words.differs(stream)),
    ...(found.unchecked ?? []).map((stream) => words.unchecked(stream)),
  ];
  if (!found.complete) return { complete: false, word: words.incomplete, faults };
  const arrived = typeof found.lines === "number" ? words.lines(found.lines) : words.all;
  return { complete: true, word: words.complete, faults: [arrived, ...faults] };
}

/** @param {Gap} gap */
function placeOf({ stream, bytes, from }) {
  return { stream, size: fileSize(bytes), start: number(from) };
}

/** @param {Gap} gap */
function placeOfLines(gap) {
  const place = placeOf(gap);
  return gap.lines ? { ...place, size: `${texts.lines(gap.lines)}, ${place.size}` } : place;
}
