// The column beside a job's log: phases with their times, artifacts, whether the log is whole, details.

import { byId, clone, field, now, setIcon, setText } from "chef/dom.js";
import { duration, fileSize, phaseWord, runningFor } from "chef/format.js";
import { isSource } from "chef/job-head.js";
import { linked } from "chef/linked.js";
import { shownStatus } from "chef/silence.js";
import { hasEnded } from "chef/state.js";
import { verdictOn } from "chef/verdict.js";

/** @import { Artifact, Job, PhaseSpan } from "chef/state.js" */

/**
 * Phases and their places in the job's time, which goes on while it runs.
 *
 * @param {Job | null} job
 */
export function showPhases(job) {
  const list = byId("phases");
  const spans = job?.phases ?? [];
  while (list.children.length > spans.length) list.lastElementChild?.remove();
  while (list.children.length < spans.length) list.append(clone("phase-template"));
  if (!job || spans.length === 0) return;
  const start = Date.parse(spans[0].startedAt);
  const end = job.finishedAt ? Date.parse(job.finishedAt) : now();
  const whole = Math.max(1, end - start);
  const present = shownStatus(job, now());
  const rows = /** @type {HTMLElement[]} */ ([...list.children]);
  for (const [index, span] of spans.entries()) {
    const isLast = index === spans.length - 1;
    showPhase(rows[index], span, isLast ? present : "completed", { start, whole });
  }
}

/**
 * @param {HTMLElement} row
 * @param {PhaseSpan} span
 * @param {string} status
 * @param {{ start: number, whole: number }} time the job's, in milliseconds
 */
function showPhase(row, span, status, { start, whole }) {
  const began = Date.parse(span.startedAt);
  const lasted = span.durationMs ?? Math.max(0, now() - began);
  row.classList.toggle("now", span.finishedAt === null);
  row.dataset.status = status;
  setIcon(row, status);
  setText(field(row, "phase"), phaseWord(span.phase));
  setText(field(row, "duration"), span.finishedAt ? duration(lasted) : runningFor(lasted));
  const bar = field(row, "span", SVGRectElement);
  // A phase that took no time is still to be seen.
  bar.setAttribute("x", Math.min(99.2, ((began - start) / whole) * 100).toFixed(2));
  bar.setAttribute("width", Math.max(0.8, (lasted / whole) * 100).toFixed(2));
}

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

/**
 * @param {string} name
 * @param {unknown} value
 */
function detailRow(name, value) {
  const [row, term, description] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  term.textContent = name;
  description.append(linked(typeof value === "string" ? value : JSON.stringify(value)));
  row.append(term, description);
  return row;
}
