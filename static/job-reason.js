// Why a job failed, as its log has it: the summary, the failed tests, and the lines around.

import { byId, clone, excerptLine, field, linkToLine, setText } from "chef/dom.js";
import { isError } from "chef/log-outline.js";
import { texts } from "chef/texts.js";

/** @import { FailedTest, Failure, Job } from "chef/state.js" */

// Beyond them the log itself is shorter to read.
const MOST_TESTS = 20;

/** The failure that is shown, as text. @type {string | undefined} */
let shown;

/** @param {Job | null} job */
export function showReason(job) {
  const failure = job?.failure;
  const asText = JSON.stringify(failure);
  if (asText === shown) return;
  shown = asText;
  byId("reason").hidden = !failure;
  if (failure) fill(failure);
}

/** @param {Failure} failure */
function fill({ summary, tests = [], lines }) {
  setText(byId("reason-summary"), summary);
  byId("reason-tests").replaceChildren(...tests.slice(0, MOST_TESTS).map(testItem));
  const more = Math.max(0, tests.length - MOST_TESTS);
  byId("reason-more").hidden = more === 0;
  setText(byId("reason-more"), more ? texts.moreTests(more) : "");
  byId("reason-excerpt").hidden = lines.length === 0;
  if (lines.length === 0) return;
  setText(byId("reason-range"), texts.log.marked(lines[0].line, lines[lines.length - 1].line));
  byId("reason-lines").replaceChildren(...lines.map(excerptLine));
}

/** @param {FailedTest} test */
function testItem({ name, line, message }) {
  const item = clone("failed-test-template");
  field(item, "name").textContent = name;
  field(item, "message").textContent = message ?? "";
  linkToLine(field(item, "link", HTMLAnchorElement), line);
  return item;
}

/**
 * The line of the log that tells best why a job failed, or null.
 *
 * @param {Job | null} job
 */
export function reasonLine(job) {
  const failure = job?.failure;
  if (!failure) return null;
  const test = failure.tests?.find(({ line }) => line);
  const error = failure.lines.find(({ text }) => isError(text));
  return (test ?? error ?? failure.lines[0])?.line ?? null;
}
