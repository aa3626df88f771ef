// The constants that these modules share with the server, which puts them into the page: chef/pages/constants.py.

import { pageData } from "chef/page-data.js";

/**
 * The constants as chef/pages/constants.py explains them; times are in milliseconds, words in the page's language.
 *
 * @typedef {object} Constants
 * @property {string[]} endedStatuses
 * @property {{ quietMs: number, lostMs: number, leastUsualMs: number }} silence
 * @property {{ patienceMs: number, atMedian: number, most: number, phaseEnds: Record<string, number> }} bar
 * @property {number} lateLogsMs
 * @property {string} removedMarker
 * @property {string[]} errorLevels
 * @property {string} ignoredError
 * @property {{ error: string, noError: string, mark: string, escape: string, style: string, link: string }} patterns
 * @property {Annotations} annotations
 * @property {{ kinds: string[], forges: Forge[], ciSystems: [string, string, string][] }} sources
 * @property {number} maxQuery
 * @property {Record<"lines" | "jobs" | "projects" | "runningRuns" | "runningShown" | "recentJobs" | "outcomes", number>} limits
 * @property {Words} words
 */

/** What stands behind a repository's address (chef/pages/sources.py). @typedef {Record<"host" | "branch" | "commit" | "pullRequest" | "mark", string>} Forge */

/**
 * How builds write lines of a level (chef/domain/workflow.py).
 *
 * @typedef {object} Annotations
 * @property {Record<"github" | "azure" | "issue" | "teamcity" | "attribute", string>} patterns
 * @property {Record<string, string>} percentCodes
 * @property {Record<string, string>} teamcityCodes
 * @property {Record<string, string>} teamcityLevels
 */

/**
 * @typedef {object} Words
 * @property {Record<string, string>} statuses
 * @property {string} waiting
 * @property {Record<string, string>} phases
 * @property {Record<string, string>} places where a job stopped, by phase
 * @property {{ s: string, min: string, h: string, d: string, bytes: [string, ...string[]] }} units
 */

/** @type {Constants} */
export const constants = pageData("constants");
