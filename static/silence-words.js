// A job's silence, in words, as chef/pages/silencewords.py says it.

import { age } from "chef/format.js";
import { texts } from "chef/texts.js";
import { amount } from "chef/time-left.js";

/** @import { Silence } from "chef/silence.js" */

/**
 * Since when a job says nothing: `No update for 4 min`.
 *
 * @param {Silence} silence
 */
export function silenceWords({ kind, silent, usual }) {
  if (kind === "lost") return texts.status.lost;
  return usual === null ? texts.silence.silent(age(silent)) : texts.silence.noOutput(age(silent));
}

/**
 * More of it: how long its phase is usually silent, if that is known, and how its reporter is.
 *
 * @param {Silence} silence
 */
export function silenceMore({ kind, unheard, usual }) {
  const more = texts.silence[kind](age(unheard));
  if (usual === null) return more;
  const usually = texts.silence.usually(amount(usual));
  return kind === "quiet" ? usually : `${usually} ${more}`;
}
