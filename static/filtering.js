// Whether a job is in a list that is limited, by the rules of chef/domain/filtering.py. Pure.

import { hasEnded } from "chef/state.js";

/** @import { Job } from "chef/state.js" */

/** What a list is limited to, as its address says it. @typedef {Record<string, string>} Filter */

/** @typedef {Pick<Job, "jobId" | "status" | "message"> & { meta?: Record<string, unknown> }} Listed */

/**
 * @param {Filter} filter
 * @param {Listed} job
 */
export function matches(filter, job) {
  return (
    hasStatus(filter, job) &&
    ["kind", "run", "branch", "author"].every(
      (name) => !filter[name] || textOf(job, name) === filter[name],
    ) &&
    hasWords(filter, job)
  );
}

/**
 * @param {Filter} filter
 * @param {{ status?: string }} job
 */
export function hasStatus({ status }, job) {
  if (!status) return true;
  return status === "running" ? !hasEnded({ status: job.status ?? "" }) : job.status === status;
}

/**
 * Whether all words of a filter are in a job's title, branch, commit, message or id.
 *
 * @param {Filter} filter
 * @param {Listed} job
 */
function hasWords({ q = "" }, job) {
  if (!q.trim()) return true;
  const title = textOf(job, "title") || textOf(job, "command");
  const parts = [title, textOf(job, "branch"), textOf(job, "commit"), job.message ?? "", job.jobId];
  const text = folded(parts.filter(Boolean).join("\n"));
  return folded(q)
    .trim()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/**
 * An entry of meta as a text: a string, or a number.
 *
 * @param {Listed} job
 * @param {string} name
 */
function textOf(job, name) {
  const value = job.meta?.[name];
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/**
 * Without what a search overlooks: case, and how a letter with an accent is put together. Letters that fold to
 * several, as ß to ss, do so in capitals.
 *
 * @param {string} text
 */
function folded(text) {
  return text.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}
