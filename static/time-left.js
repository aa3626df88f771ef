// How long a job still takes, in words, as chef/pages/timeleft.py says it.

import { number } from "chef/i18n.js";
import { texts } from "chef/texts.js";

/** @import { Eta } from "chef/state.js" */

/**
 * The time that is left at a moment, in milliseconds: an interval, or `over`, by how much it is over the usual.
 *
 * @typedef {{ low: number, median: number, high: number, over: number | null }} TimeLeft
 */

/** A time in steps that one says, and its unit. @typedef {[value: number, unit: "s" | "min" | "h"]} Rough */

/**
 * The time that an estimate leaves at a moment: counted down, never below zero.
 *
 * @param {Eta | null | undefined} eta
 * @param {number} at in milliseconds
 * @returns {TimeLeft | null}
 */
export function timeLeft(eta, at) {
  if (!eta) return null;
  const passed = Math.max(0, at - Date.parse(eta.at));
  const times = eta.remainingMs;
  if (times === null || times.high <= passed) {
    const over = times === null ? (eta.overMs ?? 0) + passed : passed - times.high;
    return { low: 0, median: 0, high: 0, over };
  }
  const [low, median, high] = [times.low, times.median, times.high].map((time) => Math.max(0, time - passed));
  return { low, median, high, over: null };
}

/**
 * `about 3 min left (2 to 5, from 18 runs)`, `4 to 6 min in 5 runs`, `2 min over the usual`.
 *
 * @param {Eta | null | undefined} eta
 * @param {number} at in milliseconds
 */
export function timeWords(eta, at) {
  const left = timeLeft(eta, at);
  if (!eta || left === null) return "";
  const { low, median, high, over } = left;
  const words = texts.timeLeft;
  if (over !== null) return words.over(amount(over));
  const runs = number(eta.runs);
  const isOne = amount(low) === amount(high);
  if (eta.runs === 1) return words.once(amount(high));
  if (eta.range) return words.range(isOne ? amount(high) : between(low, high, true), runs);
  if (median === 0) return words.atMost(amount(high), runs);
  if (isOne) return words.about(amount(median), runs);
  const units = new Set([low, median, high].map((time) => rough(time)[1]));
  return words.interval(amount(median), between(low, high, units.size > 1), runs);
}

/**
 * The same for a list: `~3 min`, `<2 min`, and `+2 min` over the usual.
 *
 * @param {Eta | null | undefined} eta
 * @param {number} at in milliseconds
 */
export function timeShort(eta, at) {
  const left = timeLeft(eta, at);
  if (left === null) return "";
  if (left.over !== null) return `+${amount(left.over)}`;
  return left.median > 0 ? `~${amount(left.median)}` : `<${amount(left.high)}`;
}

/**
 * The same as one says it aloud: `about 3 minutes left`. It changes with the minute.
 *
 * @param {Eta | null | undefined} eta
 * @param {number} at in milliseconds
 */
export function timeSpoken(eta, at) {
  const left = timeLeft(eta, at);
  const words = texts.timeLeft.spoken;
  if (left === null) return "";
  if (left.over !== null) return words.over;
  const minutes = left.median ? Math.round(left.median / 60_000) : Math.ceil(left.high / 60_000);
  if (left.median === 0) return minutes > 1 ? words.atMost(minutes) : words.soon;
  if (minutes < 1) return words.soon;
  return minutes < 60 ? words.minutes(minutes) : words.hours(Math.round(minutes / 60));
}

/**
 * A time as one says it of what is to come: `20 s`, `3 min`, `1 h 20 min`.
 *
 * @param {number} milliseconds
 */
export function amount(milliseconds) {
  const { units } = texts;
  const [value, unit] = rough(milliseconds);
  if (unit !== "h") return `${value} ${units[unit]}`;
  const hours = `${Math.floor(value / 60)} ${units.h}`;
  return value % 60 ? `${hours} ${String(value % 60).padStart(2, "0")} ${units.min}` : hours;
}

/**
 * A time in steps of 5 s, of a minute, or, from an hour on, of 5 minutes.
 *
 * @param {number} milliseconds
 * @returns {Rough}
 */
function rough(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 57.5) return [Math.max(5, 5 * Math.round(seconds / 5)), "s"];
  const minutes = Math.max(1, Math.round(seconds / 60));
  return minutes < 60 ? [minutes, "min"] : [5 * Math.round(minutes / 5), "h"];
}

/**
 * `2 to 5`, or with the units; one for both where they have the same.
 *
 * @param {number} low in milliseconds
 * @param {number} high
 * @param {boolean} hasUnit
 */
function between(low, high, hasUnit) {
  const [[least, unit], [most, other]] = [rough(low), rough(high)];
  if (unit !== other || unit === "h") return texts.timeLeft.between(amount(low), amount(high));
  return texts.timeLeft.between(least, hasUnit ? amount(high) : most);
}
