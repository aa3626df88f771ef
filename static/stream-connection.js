// Jobs and projects followed over server-sent events, and the overview by asking.

import { getJob, jobPath } from "chef/api.js";
import { base } from "chef/base.js";
import { finalState, JOB_EVENTS, PROJECT_EVENTS, RETRY_MS } from "chef/connection-state.js";
import { askForEvents } from "chef/job-asking.js";
import { SharedConnection } from "chef/shared-connection.js";
import { watchStream } from "chef/watchdog.js";

/** @import { JobPage, ListPage } from "chef/connection-state.js" */
/** @import { Job, JobEvent } from "chef/state.js" */
/** @import { Listener } from "chef/watchdog.js" */

const RETRY_MOST_MS = 5_000;
const POLL_MS = 3_000;
// Lines may come for some minutes after a job's end, and the event stream closes at the end.
const LATE_LINES_MS = 10_000;
// Later nothing comes any more, but what a page shows may be erased.
const LOOK_ON_MS = 60_000;

/**
 * The owner of a stream, which is told what happens to it; `ended` after the last event of all.
 *
 * @typedef {object} StreamOwner
 * @property {() => Promise<void>} ask reads anew, without a stream
 * @property {() => void} opened
 * @property {() => void} lost
 * @property {() => void} ended
 * @property {(name: string, event: any) => void} receive
 * @property {(isSilent: boolean) => void} showSilence
 */

/** An EventSource that we open again ourselves: its own way back says nothing of why it was refused. */
class Stream {
  /** @type {() => string} */
  #url;
  /** @type {string[]} */
  #names;
  /** @type {StreamOwner} */
  #owner;
  /** @type {Listener} */
  #watchdog;
  #wait = RETRY_MS;
  /** @type {EventSource | null} */
  #source = null;
  #shared = new SharedConnection({
    connect: () => this.#source ?? this.#connect(),
    disconnect: () => this.#disconnect(),
    ask: () => this.#ask(),
    lost: () => this.#owner.lost(),
  });

  /**
   * @param {() => string} url the address, asked for whenever the stream is opened
   * @param {string[]} names of the events
   * @param {StreamOwner} owner
   */
  constructor(url, names, owner) {
    [this.#url, this.#names, this.#owner] = [url, names, owner];
    this.#watchdog = watchStream(owner, () => this.#source && this.#connect());
    this.open();
  }

  open() {
    this.#shared.open();
  }

  close() {
    this.#shared.close();
  }

  async #ask() {
    await this.#owner.ask();
    this.#watchdog.heard();
  }

  #connect() {
    this.#disconnect();
    const source = new EventSource(this.#url());
    this.#source = source;
    source.addEventListener("open", () => {
      this.#wait = RETRY_MS;
      this.#watchdog.heard();
      this.#owner.opened();
    });
    source.addEventListener("error", () => this.#comeBack(source));
    source.addEventListener("end", () => {
      this.close();
      this.#owner.ended();
    });
    for (const name of this.#names) {
      source.addEventListener(name, (message) => {
        this.#watchdog.heard();
        this.#owner.receive(name, JSON.parse(message.data));
      });
    }
  }

  #disconnect() {
    this.#source?.close();
    this.#source = null;
  }

  /** @param {EventSource} source */
  #comeBack(source) {
    source.close();
    if (source !== this.#source) return;
    this.#owner.lost();
    setTimeout(() => {
      if (source === this.#source) this.#connect();
    }, this.#wait);
    this.#wait = Math.min(this.#wait * 1.6, RETRY_MOST_MS);
  }
}

export class JobOnStream {
  /** @type {string} */
  #jobId;
  /** @type {number} */
  #seq;
  /** @type {JobPage} */
  #page;
  /** @type {Stream} */
  #stream;

  /**
   * @param {string} jobId
   * @param {number} seq
   * @param {JobPage} page
   */
  constructor(jobId, seq, page) {
    [this.#jobId, this.#seq, this.#page] = [jobId, seq, page];
    this.#stream = new Stream(() => `${base}${jobPath(jobId)}/events?after=${this.#seq}`, JOB_EVENTS, {
      ask: () => this.#ask(),
      opened: () => this.#read(),
      receive: (name, event) => this.#receive(name, event),
      lost: () => this.#lost(),
      ended: () => this.#ended(),
      showSilence: (isSilent) => page.showSilence(isSilent),
    });
  }

  /** Read the job besides the stream: an ending may be half told, or the history another one. */
  async #read() {
    try {
      await this.#take(await getJob(this.#jobId));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Ask for all that has happened since. */
  async #ask() {
    try {
      await this.#take(
        await askForEvents(
          this.#jobId,
          () => this.#seq,
          (name, event) => this.#receive(name, event),
        ),
      );
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {Job | null} job as it stands */
  async #take(job) {
    if ((job?.seq ?? 0) < this.#seq) return await this.#startAfresh();
    this.#page.update(job);
    this.#page.showConnection("live");
    return undefined;
  }

  /**
   * @param {string} name
   * @param {JobEvent} event
   */
  #receive(name, event) {
    if (name === "job:removed") {
      this.#startAfresh().catch((error) => this.#failed(error));
      return;
    }
    const isEnding = name === "job:completed" || name === "job:error";
    if ("seq" in event) {
      if (isEnding ? event.seq < this.#seq : event.seq <= this.#seq) return;
      this.#seq = event.seq;
    }
    this.#page.receive(name, event);
  }

  async #startAfresh() {
    this.#stream.close();
    try {
      this.#seq = await this.#page.restart(false);
    } finally {
      this.#stream.open();
    }
  }

  #lost() {
    this.#page.showConnection("reconnecting");
    getJob(this.#jobId).catch((error) => this.#failed(error));
  }

  /** @param {unknown} error */
  #failed(error) {
    const state = finalState(error);
    if (state) this.#stream.close();
    this.#page.showConnection(state ?? "reconnecting");
  }

  #ended() {
    if (!this.#page.isOver()) setTimeout(() => this.#stream.open(), LATE_LINES_MS);
    else this.#lookOn();
  }

  #lookOn() {
    setTimeout(async () => {
      const job = document.hidden ? undefined : await getJob(this.#jobId).catch(() => undefined);
      // One that is gone, or goes on, is followed again.
      if (job === null || (job && job.seq > this.#seq)) {
        await this.#startAfresh().catch((error) => this.#failed(error));
      } else {
        if (job) this.#page.update(job);
        this.#lookOn();
      }
    }, LOOK_ON_MS);
  }
}

export class ProjectOnStream {
  /** @type {ListPage} */
  #page;
  /** @type {Stream} */
  #stream;

  /**
   * @param {string} projectId
   * @param {ListPage} page
   */
  constructor(projectId, page) {
    this.#page = page;
    const url = `${base}/api/projects/${encodeURIComponent(projectId)}/events`;
    this.#stream = new Stream(() => url, PROJECT_EVENTS, {
      ask: () => this.#refresh(),
      opened: () => this.#refresh(),
      receive: (name, event) => page.receive(name, event),
      showSilence: (isSilent) => page.showSilence(isSilent),
      // The streams of projects have no end.
      ended: () => {},
      lost: () => {
        page.showConnection("reconnecting");
        this.#refresh();
      },
    });
  }

  async #refresh() {
    try {
      await this.#page.refresh();
      this.#page.showConnection("live");
    } catch (error) {
      const state = finalState(error);
      if (state) this.#stream.close();
      this.#page.showConnection(state ?? "reconnecting");
    }
  }

  /** This is the stream of one project. */
  add() {}
}

export class Polling {
  /** @type {ListPage} */
  #page;
  /** @type {Listener} */
  #watchdog;

  /** @param {ListPage} page */
  constructor(page) {
    this.#page = page;
    this.#watchdog = watchStream(page, () => {});
    this.#poll();
  }

  /** All are read each time. */
  add() {}

  async #poll() {
    try {
      if (!document.hidden) await this.#page.refresh();
      this.#watchdog.heard();
      this.#page.showConnection("live");
    } catch (error) {
      const state = finalState(error);
      this.#page.showConnection(state ?? "reconnecting");
      if (state) return;
    }
    setTimeout(() => this.#poll(), POLL_MS);
  }
}
