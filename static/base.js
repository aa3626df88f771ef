// How a page is seen by a share link: what its requests begin with, and how much of a job it shows.

import { pageData } from "chef/page-data.js";

/** @type {{ base?: string, level?: string, token?: string | null, isOfOneJob?: boolean } | null} */
const live = pageData("live");

/** What goes before the paths of pages and of the API, so that the server knows the link. */
export const base = live?.base ?? "";

/** The token of the link, for connections that are not made below its address. */
export const shareToken = live?.token ?? null;

/** Whether the page is seen by a share link. */
export const isShared = live?.level !== undefined;

/** Whether the page has the log, and what else there is of a job. */
export const showsAll = (live?.level ?? "log") === "log";

/** Whether the page leads to other jobs. */
export const leadsElsewhere = !live?.isOfOneJob;
