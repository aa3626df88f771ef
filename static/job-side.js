// The column beside a job's log, below its phases: artifacts, whether the log is whole, details.

import { byId, clone, field, setText } from "chef/dom.js";
import { fileSize } from "chef/format.js";
import { linked } from "chef/linked.js";
import { isSource } from "chef/sources.js";
import { hasEnded } from "chef/state.js";
import { verdictOn } from "chef/verdict.js";

/** @import { Artifact, Job } from "chef/state.js" */

/** @param {Job | null} job */
export function showArtifacts(job) {
  const artifacts = job?.artifacts ?? [];
  byId("artifacts-section").hidden = artifacts.length === 0;
  byId("artifacts").replaceChildren(...artifacts.map(artifactRow));
}

/** @param {Artifact} artifact */
function artifactRow(artifact) {
  const row = clone("artifact-template");
  field(row, "size").textContent = fileSize(artifact.size);
  field(row, "name").replaceWith(linked(artifact.name, artifact.url));
  return row;
}

/** @param {Job | null} job */
export function showIntegrity(job) {
  const verdict = hasEnded(job) ? verdictOn(job) : null;
  byId("integrity-section").hidden = verdict === null;
  if (!verdict) return;
  byId("integrity").dataset.complete = verdict.complete ? "yes" : "no";
  byId("integrity-icon", SVGUseElement).setAttribute("href", verdict.complete ? "#i-completed" : "#i-lost");
  setText(byId("integrity-word"), verdict.word);
  byId("integrity-faults").replaceChildren(
    ...verdict.faults.map((fault) => {
      const item = document.createElement("li");
      item.textContent = fault;
      return item;
    }),
  );
}

/**
 * The rest of what the build says of itself: the head shows its title and where it comes from.
 *
 * @param {Job | null} job
 */
export function showDetails(job) {
  /** @param {[string, unknown]} entry */
  const isTitle = ([name, value]) => name === "title" && typeof value === "string";
  const entries = Object.entries(job?.meta ?? {}).filter((entry) => !isTitle(entry) && !isSource(entry));
  byId("details-section").hidden = entries.length === 0;
  byId("details").replaceChildren(...entries.map(([name, value]) => detailRow(name, value)));
}

// A longer text shows its begin, and opens whole.
const SHORT = 120;
const SHORT_COMMAND = 60;
const BEGIN = 48;

/** @param {string} text */
function folded(text) {
  const [details, summary] = ["details", "summary"].map((tag) => document.createElement(tag));
  details.className = "long";
  const begin = document.createElement("bdi");
  begin.textContent = `${text.slice(0, BEGIN)}…`;
  summary.append(begin);
  details.append(summary, linked(text));
  return details;
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function detailRow(name, value) {
  const [row, term, description] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  term.textContent = name;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const isLong = text.length > (name === "command" ? SHORT_COMMAND : SHORT);
  description.append(isLong ? folded(text) : linked(text));
  row.append(term, description);
  return row;
}
