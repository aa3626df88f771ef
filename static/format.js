// Numbers and times as a page says them, and as chef/pages/words.py says them before it is live.

import { number, percentOf } from "chef/i18n.js";
import { texts } from "chef/texts.js";

const { units } = texts;

/** `4.2 s`, `42 s`, `2 min 05 s`, `1 h 03 min`; nothing for null. */
export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "";
  if (milliseconds < 50) return `0 ${units.s}`;
  if (milliseconds < 9950) return `${number(milliseconds / 1000, 1)} ${units.s}`;
  const seconds = Math.round(milliseconds / 1000);
  const two = (number) => String(number).padStart(2, "0");
  if (seconds < 60) return `${seconds} ${units.s}`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} ${units.min} ${two(seconds % 60)} ${units.s}`;
  return `${Math.floor(seconds / 3600)} ${units.h} ${two(Math.floor((seconds % 3600) / 60))} ${units.min}`;
}

/** The same for what changes every second: no tenths. */
export function runningFor(milliseconds) {
  const whole = Math.max(0, Math.floor(milliseconds / 1000));
  return whole < 10 ? `${whole} ${units.s}` : duration(whole * 1000);
}

/** How long ago, in one unit: `40 s`, `4 min`, `3 h`, `12 d`. */
export function age(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} ${units.s}`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} ${units.min}`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} ${units.h}`;
  return `${Math.floor(seconds / 86400)} ${units.d}`;
}

/** `72%`; rounded down, so that 100% is said when all is done and not before. */
export function percent(progress) {
  return percentOf(Math.floor(progress));
}

/** `512 B`, `14.2 kB`, `3.0 MB`; nothing for what is no number of bytes. */
export function fileSize(count) {
  if (typeof count !== "number" || count < 0) return "";
  const [bytes, ...larger] = units.bytes;
  if (count < 1000) return `${Math.floor(count)} ${bytes}`;
  const largest = larger.at(-1);
  for (const unit of larger) {
    count /= 1000;
    if (count < 999.95 || unit === largest) return `${number(count, 1)} ${unit}`;
  }
}

/** The value if it is an address of the web; `javascript:` and the like are never links. */
export function webUrl(value) {
  if (typeof value !== "string" || !/^https?:\/\/[^/]/i.test(value)) return null;
  return URL.canParse(value) ? value : null;
}

/** A job's name for people: the title it gave itself, else its id. */
export function jobName(job) {
  const title = job.meta?.title;
  return typeof title === "string" && title ? title : job.jobId;
}
