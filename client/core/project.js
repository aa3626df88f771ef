// A project that is followed: its newest jobs.

import { Follower } from "./follower.js";
import { afterEvent, afterNote, merged } from "./state.js";

/** @import { Job, ProjectOptions, ProjectState } from "../client.d.ts" */

/** @extends {Follower<ProjectState>} */
export class ProjectFollower extends Follower {
  events = ["progress", "eta", "stop", "questions", "completed", "error", "removed"]
    .map((name) => `project:${name}`)
    .concat("job:removed");
  #projectId;
  #limit;
  /** By their ids, the newest first. @type {Map<string, Job>} */
  #jobs = new Map();
  /** @type {Job[]} */
  #shown = [];

  /**
   * @param {string} projectId
   * @param {ProjectOptions} options
   */
  constructor(projectId, options) {
    super(options);
    this.#projectId = projectId;
    this.#limit = options.limit ?? 50;
    this.state = this.snapshot();
  }

  snapshot() {
    const jobs = [...this.#jobs.values()];
    const isSame =
      jobs.length === this.#shown.length && jobs.every((job, index) => job === this.#shown[index]);
    if (!isSame) this.#shown = jobs;
    return { jobs: this.#shown, connection: this.connection };
  }

  get stream() {
    // The list has all, where no events are waited for.
    return this.link.isPolled ? "" : `/api/projects/${encodeURIComponent(this.#projectId)}/events?`;
  }

  /** @returns {[string, object]} */
  get subscription() {
    return ["subscribe:project", { projectId: this.#projectId }];
  }

  // Live events come from here on, and what was before is in the list.
  opened() {
    this.read();
  }

  async readOnce() {
    const asked = new URLSearchParams({ projectId: this.#projectId, limit: String(this.#limit) });
    const { jobs } = (await this.link.get(`/api/jobs?${asked}`)) ?? { jobs: [] };
    const known = this.#jobs;
    this.#jobs = new Map(
      jobs.map((/** @type {Job} */ job) => {
        const before = known.get(job.jobId) ?? null;
        return [job.jobId, merged(job, before, before?.seq ?? 0)];
      }),
    );
    this.show(this.link.isPolled ? "polling" : "live");
    this.changed();
  }

  /**
   * @param {string} name
   * @param {any} event
   */
  receive(name, event) {
    const { jobId } = event;
    const before = this.#jobs.get(jobId) ?? null;
    if (name === "project:removed") this.#jobs.clear();
    else if (name === "job:removed") {
      if (event.log) this.read();
      else this.#jobs.delete(jobId);
    } else if (event.seq === undefined) {
      const job = afterNote(before, name, event);
      if (job) this.#jobs.set(jobId, job);
    } else this.#put(before, name, event);
    this.changed();
  }

  /**
   * @param {Job | null} before
   * @param {string} name
   * @param {any} event
   */
  #put(before, name, event) {
    const job = /** @type {Job} */ (afterEvent(before, name, event));
    if (before) this.#jobs.set(job.jobId, job);
    else {
      const jobs = [job, ...this.#jobs.values()].slice(0, this.#limit);
      this.#jobs = new Map(jobs.map((one) => [one.jobId, one]));
    }
    // Events do not tell all of a job.
    if (before?.phase !== job.phase || !name.endsWith(":progress")) this.read();
  }
}
