// The constants that these modules share with the server, which puts them into the page: chef/pages/constants.py.

import { pageData } from "chef/page-data.js";

/**
 * The constants as chef/pages/constants.py explains them; times are in milliseconds, words in the page's language.
 *
 * @typedef {object} Constants
 * @property {string[]} endedStatuses
 * @property {{ quietMs: number, lostMs: number }} silence
 * @property {number} lateLogsMs
 * @property {string} removedMarker
 * @property {string[]} errorLevels
 * @property {string} ignoredError
 * @property {{ error: string, noError: string, mark: string, escape: string, style: string, link: string }} patterns
 * @property {string[]} sourceKinds
 * @property {number} maxQuery
 * @property {Record<"lines" | "jobs" | "projects" | "runningJobs" | "runningShown" | "recentJobs" | "outcomes", number>} limits
 * @property {Words} words
 */

/**
 * @typedef {object} Words
 * @property {Record<string, string>} statuses
 * @property {string} waiting
 * @property {Record<string, string>} phases
 * @property {{ s: string, min: string, h: string, d: string, bytes: [string, ...string[]] }} units
 */

/** @type {Constants} */
export const constants = pageData("constants");
