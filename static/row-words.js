// What a row of a list says a job is, and why it ended, as chef/pages/rowwords.py says it.

import { cleanText } from "chef/escapes.js";
import { sources } from "chef/sources.js";
import { texts } from "chef/texts.js";

/** @import { Job } from "chef/state.js" */

const SHORT_COMMIT = 7;

/**
 * The title of a job, else its command, else its id: the first line of it.
 *
 * @param {Record<string, unknown>} meta
 * @param {string} jobId
 */
export function rowTitle(meta, jobId) {
  for (const name of ["title", "command"]) {
    const [line] = cleanText(plainText(meta[name])).trim().split("\n");
    if (line) return line;
  }
  return jobId;
}

/**
 * Where a job comes from: `main · 4f1c2d9 · Amina · #482`; its id where nothing of that is known.
 *
 * @param {Record<string, unknown>} meta
 * @param {string} jobId
 */
export function rowFacts(meta, jobId) {
  const title = rowTitle(meta, jobId);
  const facts = originOf(meta);
  const kind = plainText(meta.kind);
  if (kind && kind !== title) facts.push(cleanText(kind));
  if (facts.length === 0 && title !== jobId) facts.push(jobId);
  return facts.join(" · ");
}

/** @param {Record<string, unknown>} meta */
function originOf(meta) {
  const known = new Map(sources(meta).map(({ kind, text }) => [kind, text]));
  const facts = ["branch", "commit", "author", "pullRequest"].flatMap((kind) => {
    const text = known.get(kind);
    return text === undefined ? [] : [factOf(kind, text)];
  });
  const number = plainText(meta.number);
  return number ? [...facts, `#${cleanText(number)}`] : facts;
}

/**
 * @param {string} kind
 * @param {string} text
 */
function factOf(kind, text) {
  if (kind === "commit" && /^[0-9a-f]{7,64}$/i.test(text)) return text.slice(0, SHORT_COMMIT);
  if (kind === "pullRequest" && /^.\d+$/.test(text)) return texts.pullRequest(text);
  return cleanText(text);
}

/**
 * The second line of a job's state: why it failed, by its log or its script, else its newest message.
 *
 * @param {Pick<Job, "error" | "failure" | "message">} job
 */
export function rowReason(job) {
  const reason = job.failure?.summary || job.error?.message || job.message || "";
  return cleanText(reason).trim().split(/\s+/).join(" ");
}

/**
 * An entry of meta as a text: a string, or a number.
 *
 * @param {unknown} value
 */
function plainText(value) {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
