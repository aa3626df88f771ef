// Whether all of a log arrived, in words, as chef/pages/verdict.py says it.

import { fileSize } from "chef/format.js";
import { number } from "chef/i18n.js";
import { texts } from "chef/texts.js";

/** `{complete, word, faults}` of a job, or null where nobody said what there is to arrive. */
export function verdictOn(job) {
  const found = job?.integrity;
  if (!found) return null;
  const words = texts.integrity;
  const place = ({ stream, bytes, from }) => ({ stream, size: fileSize(bytes), start: number(from) });
  const placeOfGap = (gap) => {
    const where = place(gap);
    return gap.lines ? { ...where, size: `${texts.lines(gap.lines)}, ${where.size}` } : where;
  };
  const faults = [
    ...(found.missing ?? []).map((gap) => words.missing(placeOfGap(gap))),
    ...(found.surplus ?? []).map((more) => words.surplus(place(more))),
    ...(found.differs ?? []).map(({ stream }) => words.differs(stream)),
    ...(found.unchecked ?? []).map((stream) => words.unchecked(stream)),
  ];
  if (!found.complete) return { complete: false, word: words.incomplete, faults };
  const arrived = typeof found.lines === "number" ? words.lines(found.lines) : words.all;
  return { complete: true, word: words.complete, faults: [arrived, ...faults] };
}
