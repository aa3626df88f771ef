// What <chef-progress> shows: a job's state, its bar, the time that is left, why it failed.

import { ConnectionNote } from "chef/embed/connection-note.js";
import { JobBar } from "chef/embed/job-bar.js";
import { stateWords, timesOf } from "chef/embed/job-words.js";
import { make, makeLink, makeStatus, setAttribute } from "chef/embed/make.js";
import { jobName, phaseWord } from "chef/format.js";
import { setText } from "chef/nodes.js";
import { rowReason } from "chef/row-words.js";
import { shownStatus } from "chef/silence.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";

/** @import { JobState } from "chef-client" */
/** @import { ViewContext } from "chef/embed/base.js" */
/** @import { Job } from "chef/state.js" */

export default class ProgressView {
  #context;
  /** @type {Job | null} */
  #job = null;
  #note = new ConnectionNote();
  #bar = new JobBar();
  #frame = make("div", "progress");
  #name = makeLink("name");
  #status = make("span", "status");
  #percent = make("span", "percent");
  #times = make("p", "times");
  #message = make("p", "message");
  #said = makeStatus("said");
  // What was last told to screen readers; null before the first state.
  /** @type {string | null} */
  #announced = null;

  /**
   * @param {ShadowRoot} root
   * @param {ViewContext} context
   */
  constructor(root, context) {
    this.#context = context;
    const { server, id } = context.subject;
    this.#name.href = `${server}/jobs/${encodeURIComponent(id)}`;
    this.#frame.append(
      make("div", "head", this.#name, this.#status),
      make("div", "line", this.#bar.element, this.#percent),
      this.#times,
      this.#message,
      this.#note.element,
      this.#said,
    );
    root.replaceChildren(this.#frame);
    this.tick();
  }

  /** @param {JobState} state */
  update({ job, connection }) {
    this.#job = /** @type {Job | null} */ (job);
    this.#note.update(connection, job?.updatedAt);
    this.tick();
  }

  tick() {
    const { isPresent } = this.#note;
    const now = this.#context.now();
    this.#frame.toggleAttribute("data-stale", !isPresent);
    this.#note.tick(now);
    this.#show(this.#job, this.#note.knownUntil(now), isPresent);
  }

  /**
   * @param {Job | null} job
   * @param {number} at
   * @param {boolean} isPresent
   */
  #show(job, at, isPresent) {
    const name = job ? jobName(job) : this.#context.subject.id;
    setText(this.#name, name);
    setAttribute(this.#frame, "data-status", shownStatus(job, at));
    setText(this.#status, job ? stateWords(job, at) : texts.waiting);
    const bar = this.#bar.show(job, at, name);
    this.#percent.hidden = job === null || (hasEnded(job) && job.status !== "completed");
    setText(this.#percent, bar === null ? texts.noPercent : bar.number);
    setText(this.#times, job ? timesOf(job, at, isPresent).filter(Boolean).join(" · ") : "");
    setAttribute(this.#message, "part", job?.status === "failed" ? "message reason" : "message");
    setText(this.#message, job ? rowReason(job) : "");
    if (job) this.#announce(job, at);
  }

  /**
   * Tell screen readers of a new state or phase, once.
   *
   * @param {Job} job
   * @param {number} at
   */
  #announce(job, at) {
    const phase = hasEnded(job) ? "" : phaseWord(job.phase);
    const words = texts.announce(texts.status[shownStatus(job, at)], phase);
    if (this.#announced !== null && this.#announced !== words) setText(this.#said, words);
    this.#announced = words;
  }

  options() {}

  moved() {}

  close() {}
}
