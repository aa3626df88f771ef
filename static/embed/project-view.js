// What <chef-project> shows: a project's newest jobs, each with its state and its bar.

import { ConnectionNote } from "chef/embed/connection-note.js";
import { JobBar } from "chef/embed/job-bar.js";
import { shortTimeLeft, stateWords } from "chef/embed/job-words.js";
import { make, makeLink, setAttribute } from "chef/embed/make.js";
import { age, duration } from "chef/format.js";
import { arrange, setText } from "chef/nodes.js";
import { rowReason, rowTitle } from "chef/row-words.js";
import { shownStatus } from "chef/silence.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";

/** @import { ProjectState } from "chef-client" */
/** @import { ViewContext } from "chef/embed/base.js" */
/** @import { Job } from "chef/state.js" */

class JobRow {
  element = make("li", "job");
  #name = makeLink("name");
  #status = make("span", "status");
  #percent = make("span", "percent");
  #time = make("span", "time");
  #message = make("p", "message");
  #bar = new JobBar();

  /** @param {string} href */
  constructor(href) {
    this.#name.href = href;
    this.element.append(
      make("div", "head", this.#name, this.#status, this.#time),
      make("div", "line", this.#bar.element, this.#percent),
      this.#message,
    );
  }

  /**
   * @param {Job} job
   * @param {number} at
   * @param {boolean} isPresent
   */
  show(job, at, isPresent) {
    const name = rowTitle(job.meta, job.jobId);
    const isOver = hasEnded(job);
    setText(this.#name, name);
    setAttribute(this.element, "data-status", shownStatus(job, at));
    setText(this.#status, stateWords(job, at));
    setText(this.#time, isOver ? endOf(job, at) : isPresent ? shortTimeLeft(job, at) : "");
    const bar = this.#bar.show(job, at, name);
    this.element.toggleAttribute("data-over", isOver);
    setText(this.#percent, bar === null ? texts.noPercent : bar.number);
    setText(this.#message, job.status === "failed" || !isOver ? rowReason(job) : "");
  }
}

/**
 * How long a job took, and how long ago that was.
 *
 * @param {Job} job
 * @param {number} at
 */
function endOf(job, at) {
  const words = [duration(job.durationMs)];
  if (job.finishedAt) words.push(texts.ago(age(at - Date.parse(job.finishedAt))));
  return words.filter(Boolean).join(" · ");
}

export default class ProjectView {
  #context;
  /** @type {Job[] | null} */
  #jobs = null;
  /** By the ids of jobs. @type {Map<string, JobRow>} */
  #rows = new Map();
  #note = new ConnectionNote();
  #frame = make("section", "project");
  #name = makeLink("project-name");
  #list = make("ul", "jobs");
  #empty = make("p", "empty", texts.embed.noJobs);

  /**
   * @param {ShadowRoot} root
   * @param {ViewContext} context
   */
  constructor(root, context) {
    this.#context = context;
    const { server, id } = context.subject;
    this.#name.href = `${server}/projects/${encodeURIComponent(id)}`;
    this.#name.textContent = id;
    this.#frame.setAttribute("aria-label", id);
    this.#list.setAttribute("role", "list");
    this.#frame.append(this.#name, this.#list, this.#empty, this.#note.element);
    root.replaceChildren(this.#frame);
    this.tick();
  }

  /** @param {ProjectState} state */
  update({ jobs, connection }) {
    this.#jobs = /** @type {Job[]} */ (jobs);
    const ascending = jobs.map((job) => job.updatedAt).sort();
    this.#note.update(connection, ascending.at(-1));
    this.#arrange(this.#jobs);
    this.tick();
  }

  /** @param {Job[]} jobs */
  #arrange(jobs) {
    const { server, limit } = this.#context.subject;
    const shown = jobs.slice(0, limit);
    const rows = shown.map(({ jobId }) => [
      jobId,
      this.#rows.get(jobId) ?? new JobRow(`${server}/jobs/${encodeURIComponent(jobId)}`),
    ]);
    this.#rows = new Map(/** @type {[string, JobRow][]} */ (rows));
    arrange(
      this.#list,
      [...this.#rows.values()].map((row) => row.element),
    );
  }

  tick() {
    const { isPresent } = this.#note;
    const now = this.#context.now();
    const at = this.#note.knownUntil(now);
    this.#frame.toggleAttribute("data-stale", !isPresent);
    this.#note.tick(now);
    this.#empty.hidden = !isPresent || this.#rows.size > 0;
    for (const job of this.#jobs ?? []) this.#rows.get(job.jobId)?.show(job, at, isPresent);
  }

  options() {}

  moved() {}

  close() {}
}
