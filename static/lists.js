// The lists of jobs on a page: jobs by id, kept up by events, painted some times a second.

import { Chip } from "chef/chip.js";
import { DelayedCall } from "chef/delayed-call.js";
import { everySecond, now } from "chef/dom.js";
import { keepShownBars } from "chef/shown-bar.js";
import { applyEvent, hasEnded } from "chef/state.js";

/** @import { ConnectionState } from "chef/connection-state.js" */
/** @import { EtaEvent, Job, RemovedEvent, StateEvent } from "chef/state.js" */

const PAINT_MS = 100;
const REREAD_MS = 700;
// Reporters' heartbeats emit no event: the page asks for silent jobs while somebody looks at them.
const SILENT_MS = 60_000;
const ASK_MS = 30_000;

/**
 * Say in the tab's title how many rows run: `(2) web · Chef`.
 *
 * @param {number} count
 */
export function showRunning(count) {
  const name = document.title.replace(/^\(\d+\) /, "");
  const title = count > 0 ? `(${count}) ${name}` : name;
  if (document.title !== title) document.title = title;
}

/** The jobs on a page. */
export class JobLists {
  /** @type {Map<string, Job>} */
  jobs = new Map();
  #chip = new Chip();
  /** @type {() => Promise<void>} */
  #read;
  /** @type {() => void} */
  #paint;
  /** @type {(event: StateEvent) => boolean} */
  #takesNew;
  /** @type {(before: Job, after: Job) => boolean} */
  #takesKnown;
  /** @type {() => void} */
  #ended;
  #painting = new DelayedCall(() => this.#paint());
  #rereading = new DelayedCall(() => this.refresh().catch(() => this.#rereading.after(REREAD_MS)));

  /**
   * `read` reads the lists anew and puts the jobs; `paint` shows them; `takesNew` tells of an event of a job that is
   * not listed yet whether it belongs here; `ended` is told that a job has ended.
   *
   * @param {object} page
   * @param {() => Promise<void>} page.read
   * @param {() => void} page.paint
   * @param {(event: StateEvent) => boolean} page.takesNew
   * @param {(before: Job, after: Job) => boolean} [page.takesKnown]
   * @param {() => void} [page.ended]
   */
  constructor({ read, paint, takesNew, takesKnown = () => false, ended = () => {} }) {
    [this.#read, this.#paint, this.#takesNew, this.#takesKnown] = [read, paint, takesNew, takesKnown];
    this.#ended = ended;
    keepShownBars();
    everySecond(() => {
      this.#chip.tick();
      this.#paint();
    });
    setInterval(() => this.#askWhetherAlive(), ASK_MS);
  }

  /** @param {ConnectionState} state */
  showConnection(state) {
    this.#chip.show(state);
  }

  /** @param {boolean} isSilent */
  showSilence(isSilent) {
    this.#chip.silent = isSilent;
  }

  /**
   * Take an event of a job.
   *
   * @param {string} name
   * @param {StateEvent | EtaEvent | RemovedEvent} event
   */
  receive(name, event) {
    if (name.endsWith(":removed")) {
      this.#ended();
      this.#rereading.after(REREAD_MS);
    } else this.#receiveState(name, /** @type {StateEvent | EtaEvent} */ (event));
  }

  /**
   * @param {string} name
   * @param {StateEvent | EtaEvent} event
   */
  #receiveState(name, event) {
    const known = this.jobs.get(event.jobId);
    if ("at" in event) this.#chip.updatedAt = Date.parse(event.at);
    if (known) this.#change(known, applyEvent(known, name, event));
    else if ("at" in event ? this.#takesNew(event) : "stop" in event) this.#rereading.after(REREAD_MS);
    if (name === "project:completed" || name === "project:error") this.#ended();
    this.#painting.after(PAINT_MS);
  }

  /**
   * @param {Job} before
   * @param {Job} after
   */
  #change(before, after) {
    this.jobs.set(after.jobId, after);
    if (this.#takesKnown(before, after)) this.#rereading.after(REREAD_MS);
  }

  /**
   * Forget all jobs but these, so that a page that is open for days holds what it shows and no more.
   *
   * @param {string[]} ids
   */
  keep(ids) {
    const kept = new Set(ids);
    for (const id of this.jobs.keys()) if (!kept.has(id)) this.jobs.delete(id);
  }

  /** Read the lists anew. */
  async refresh() {
    await this.#read();
    this.#paint();
  }

  /**
   * Keep what is newer: an event may have overtaken the answer that this job came with.
   *
   * @param {Job} job
   */
  put(job) {
    const known = this.jobs.get(job.jobId);
    if (!known || known.seq <= job.seq) this.jobs.set(job.jobId, job);
    this.#chip.updatedAt = Date.parse(job.updatedAt);
  }

  /**
   * The jobs with these ids, as far as they are known.
   *
   * @param {string[]} ids
   */
  known(ids) {
    return ids.flatMap((id) => this.jobs.get(id) ?? []);
  }

  #askWhetherAlive() {
    if (document.hidden) return;
    const silent = [...this.jobs.values()].some(
      (job) => !hasEnded(job) && now() - Date.parse(job.updatedAt) >= SILENT_MS,
    );
    if (silent) this.#rereading.after(REREAD_MS);
  }
}

/**
 * The rows that the server rendered, by the value of a data attribute.
 *
 * @param {Element | null} list
 * @param {"job" | "project" | "member"} key
 * @returns {Map<string, HTMLElement>}
 */
export function rowsOf(list, key) {
  const rows = /** @type {HTMLElement[]} */ ([...(list?.children ?? [])]);
  return new Map(rows.map((row) => [row.dataset[key] ?? "", row]));
}
