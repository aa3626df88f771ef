// What the pages with lists of jobs share: jobs by id, kept up by events, painted some times a second.

import { Chip } from "chef/chip.js";
import { DelayedCall } from "chef/delayed-call.js";
import { everySecond, now } from "chef/dom.js";
import { applyEvent, hasEnded } from "chef/state.js";

const PAINT_MS = 100;
const REREAD_MS = 700;
// Reporters that are heard of emit no event: who looks at silent jobs asks.
const SILENT_MS = 60_000;
const ASK_MS = 30_000;

/** Say in the tab's title how many jobs run: `(2) web · Chef`. */
export function showRunning(jobs) {
  const count = jobs.filter((job) => !hasEnded(job)).length;
  const name = document.title.replace(/^\(\d+\) /, "");
  const title = count > 0 ? `(${count}) ${name}` : name;
  if (document.title !== title) document.title = title;
}

/**
 * Jobs on a page. `read(jobs)` reads the lists anew and fills the map; `paint()` shows it; `takesNew`
 * tells of an event of a job that is not listed yet whether that belongs here.
 */
export class JobLists {
  jobs = new Map();
  #chip = new Chip();
  #read;
  #paint;
  #takesNew;
  #painting = new DelayedCall(() => this.#paint());
  #rereading = new DelayedCall(() => this.refresh().catch(() => this.#rereading.after(REREAD_MS)));

  constructor({ read, paint, takesNew }) {
    [this.#read, this.#paint, this.#takesNew] = [read, paint, takesNew];
    everySecond(() => {
      this.#chip.tick();
      this.#paint();
    });
    setInterval(() => this.#askWhetherAlive(), ASK_MS);
  }

  state(name) {
    this.#chip.show(name);
  }

  silent(is) {
    this.#chip.silent = is;
  }

  event(name, event) {
    const known = this.jobs.get(event.jobId);
    this.#chip.updatedAt = Date.parse(event.at);
    if (known) this.jobs.set(event.jobId, applyEvent(known, name, event));
    else if (this.#takesNew(event)) this.#rereading.after(REREAD_MS);
    this.#painting.after(PAINT_MS);
  }

  /** Read the lists anew. */
  async refresh() {
    await this.#read(this.jobs);
    this.#paint();
  }

  /** Keep what is newer: an event may have overtaken the answer that this job came with. */
  put(job) {
    const known = this.jobs.get(job.jobId);
    if (!known || known.seq <= job.seq) this.jobs.set(job.jobId, job);
    this.#chip.updatedAt = Date.parse(job.updatedAt);
  }

  #askWhetherAlive() {
    if (document.hidden) return;
    const isSilent = (job) => !hasEnded(job) && now() - Date.parse(job.updatedAt) >= SILENT_MS;
    if ([...this.jobs.values()].some(isSilent)) this.#rereading.after(REREAD_MS);
  }
}
