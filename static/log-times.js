// The time of a line, as its reader wants it.

import { twoDigits } from "chef/format.js";
import { language } from "chef/i18n.js";

const clock = new Intl.DateTimeFormat(language, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** @typedef {"none" | "since" | "clock"} TimeDisplay `since` the job's start, `clock` in the viewer's time */

/**
 * A function that makes a line's time a text; null for `none`.
 *
 * @param {TimeDisplay} how
 * @param {string | null} startedAt
 * @returns {((at: string) => string) | null}
 */
export function timeTexts(how, startedAt) {
  if (how === "clock") return (at) => clock.format(new Date(at));
  if (how !== "since" || !startedAt) return null;
  const start = Date.parse(startedAt);
  return (at) => since(Date.parse(at) - start);
}

/**
 * `+0:07.250`, `+1:02:03.004`.
 *
 * @param {number} milliseconds
 */
export function since(milliseconds) {
  const whole = Math.max(0, Math.round(milliseconds));
  const [hours, minutes] = [Math.floor(whole / 3_600_000), Math.floor(whole / 60_000) % 60];
  const seconds = `${twoDigits(Math.floor(whole / 1000) % 60)}.${String(whole % 1000).padStart(3, "0")}`;
  return hours > 0 ? `+${hours}:${twoDigits(minutes)}:${seconds}` : `+${minutes}:${seconds}`;
}
