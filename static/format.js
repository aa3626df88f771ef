// Numbers and times as a page says them, and as chef/pages/words.py says them before it is live.

import { number, percentOf } from "chef/i18n.js";
import { texts } from "chef/texts.js";

/** @import { Job } from "chef/state.js" */

const { units } = texts;

/**
 * `4.2 s`, `42 s`, `2 min 05 s`, `1 h 03 min`; nothing for null.
 *
 * @param {number | null | undefined} milliseconds
 */
export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "";
  if (milliseconds < 50) return `0 ${units.s}`;
  if (milliseconds < 9950) return `${number(milliseconds / 1000, 1)} ${units.s}`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} ${units.s}`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} ${units.min} ${twoDigits(seconds % 60)} ${units.s}`;
  const minutes = twoDigits(Math.floor((seconds % 3600) / 60));
  return `${Math.floor(seconds / 3600)} ${units.h} ${minutes} ${units.min}`;
}

/** @param {number} value */
export function twoDigits(value) {
  return String(value).padStart(2, "0");
}

/**
 * The same for a time that grows every second: no tenths.
 *
 * @param {number} milliseconds
 */
export function runningFor(milliseconds) {
  const whole = Math.max(0, Math.floor(milliseconds / 1000));
  return whole < 10 ? `${whole} ${units.s}` : duration(whole * 1000);
}

/**
 * How long ago, in one unit: `40 s`, `4 min`, `3 h`, `12 d`.
 *
 * @param {number} milliseconds
 */
export function age(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} ${units.s}`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} ${units.min}`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} ${units.h}`;
  return `${Math.floor(seconds / 86400)} ${units.d}`;
}

/**
 * `72%`; rounded down, so that 100% is said when all is done and not before.
 *
 * @param {number} progress
 */
export function percent(progress) {
  return percentOf(Math.floor(progress));
}

/**
 * The phases that everybody knows in the page's language, others as the build calls them.
 *
 * @param {string} phase
 */
export function phaseWord(phase) {
  return Object.hasOwn(texts.phase, phase) ? texts.phase[phase] : phase;
}

/**
 * `512 B`, `14.2 kB`, `3.0 MB`; nothing for a value that is no number of bytes.
 *
 * @param {unknown} count
 */
export function fileSize(count) {
  if (typeof count !== "number" || count < 0) return "";
  const [bytes, ...larger] = units.bytes;
  if (count < 1000) return `${Math.floor(count)} ${bytes}`;
  let size = count / 1000;
  let step = 0;
  while (size >= 999.95 && step < larger.length - 1) {
    size /= 1000;
    step++;
  }
  return `${number(size, 1)} ${larger[step]}`;
}

/**
 * The value if it is an address of the web; `javascript:` and the like are never links.
 *
 * @param {unknown} value
 */
export function webUrl(value) {
  if (typeof value !== "string" || !/^https?:\/\/[^/]/i.test(value)) return null;
  return URL.canParse(value) ? value : null;
}

/**
 * A job's name for people: the title it gave itself, else its id.
 *
 * @param {Job} job
 */
export function jobName(job) {
  const title = job.meta?.title;
  return typeof title === "string" && title ? title : job.jobId;
}
