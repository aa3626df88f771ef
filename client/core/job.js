// A job that is followed: its state, and the lines of its log.

import { LEFT } from "./connection.js";
import { Follower, FRAME_MS } from "./follower.js";
import { Lines } from "./lines.js";
import { afterEvent, afterNote, hasEnded, merged, newJob } from "./state.js";

/** @import { Job, JobOptions, JobState } from "../client.d.ts" */
/** @import { Opening } from "./follower.js" */

// An array is copied for each change that is told: with so many lines a millisecond, that is a small part of the time.
const LINES_PER_MS = 2_000;
const MOST_TAIL = 1_000;
// Lines, a test report or a better reason may come for some minutes after a job's end; it may be erased at any time.
const LOOK_AGAIN_MS = [5_000, 10_000, 20_000, 40_000, 80_000, 160_000];
const LOOK_ON_MS = 300_000;
const SOON_MS = 250;
/** @type {Job["phases"]} */
const NO_PHASES = [];

/** @extends {Follower<JobState>} */
export class JobFollower extends Follower {
  events = ["progress", "log", "logs", "eta", "stop", "questions", "completed", "error", "removed"].map(
    (name) => `job:${name}`,
  );
  #jobId;
  #path;
  #tail;
  #lines;
  /** @type {Job | null} */
  #job = null;
  /** The newest seq that came; null until it is known behind which the newest lines are. @type {number | null} */
  #after;
  #epoch = "";
  #stateSeq = 0;
  #looks = 0;
  /** The last line that was erased, 0 for none; undefined until it is known. @type {number | undefined} */
  #erasedTo;
  // The stream may be that of another history: its first event tells.
  #isDoubtful = false;

  /**
   * @param {string} jobId
   * @param {JobOptions} options
   */
  constructor(jobId, options) {
    super(options);
    this.#jobId = jobId;
    this.#path = `/api/jobs/${encodeURIComponent(jobId)}`;
    this.#tail = options.tail;
    this.#lines = new Lines(options.tail ?? Number.POSITIVE_INFINITY);
    this.#after = this.#start;
    this.state = this.snapshot();
  }

  get #start() {
    return this.#tail === undefined ? 0 : null;
  }

  snapshot() {
    const { eta = null, phases = NO_PHASES, failure = null } = this.#job ?? {};
    return { job: this.#job, lines: this.#lines.all, eta, phases, failure, connection: this.connection };
  }

  /** The address of what comes next. */
  get stream() {
    const epoch = this.#epoch && `&epoch=${encodeURIComponent(this.#epoch)}`;
    return `${this.#path}/events?after=${this.#after ?? 0}${epoch}`;
  }

  /** The same for Socket.IO. @returns {[string, object]} */
  get subscription() {
    const place = { after: this.#after ?? 0, epoch: this.#epoch || undefined };
    return ["subscribe:job", { jobId: this.#jobId, ...place, batch: true }];
  }

  /** Where the newest lines are enough, read those and begin behind them. */
  async prepare() {
    if (this.#after !== null) return;
    const job = await this.link.get(this.#path);
    const tail = Math.min(this.#tail ?? 0, MOST_TAIL);
    const log = job && tail ? await this.link.get(`${this.#path}/logs?tail=${tail}`) : null;
    for (const line of log?.lines ?? []) this.#lines.put(line);
    this.#after = job?.seq ?? 0;
    if (job) this.#take(job);
  }

  /** @param {Opening} opening */
  opened({ epoch, complete, seq, job }) {
    const after = this.#after ?? 0;
    // Lines of an earlier connection may have been erased since, also where the job was not read then.
    if (this.#lines.count > 0) this.#erasedTo ??= 0;
    const isOther = (this.#epoch && epoch && epoch !== this.#epoch) || (seq !== undefined && seq < after);
    this.#epoch = epoch ?? "";
    this.#isDoubtful = complete === false && !isOther && after > 0;
    if (isOther) this.#clear();
    if (this.#after === null) this.link.fail(LEFT);
    else if (job !== undefined) {
      if (job) this.#take(job);
      this.#showLive();
    } else if (!this.link.isPolled) this.read();
  }

  async readOnce() {
    const after = this.#after;
    const job = await this.link.get(this.#path);
    if (job) this.#take(job);
    else if (after !== this.#after) this.isStale = true;
    else if (this.#job) this.#clear();
    this.#showLive();
  }

  /** @param {Job} read */
  #take(read) {
    this.isStale ||= this.#stateSeq > read.seq;
    this.#forgetErased(read.removed);
    this.#job = merged(read, this.#job, this.#stateSeq);
    if (!hasEnded(this.#job)) this.#goOn();
    this.changed();
  }

  /**
   * Forget the lines of a log that was erased while nothing told of it.
   *
   * @param {{ firstLine: number, lastLine: number } | undefined} removed
   */
  #forgetErased(removed) {
    // What is removed from the middle of a log that is too long is no secret.
    const last = removed?.firstLine === 1 ? removed.lastLine : 0;
    if (last > (this.#erasedTo ?? last)) this.#lines.remove(1, last);
    this.#erasedTo = last;
  }

  #goOn() {
    this.isOver = false;
    this.#looks = 0;
  }

  #clear() {
    this.#job = null;
    this.#lines.remove();
    this.#after = this.#start;
    this.#stateSeq = 0;
    this.#erasedTo = undefined;
    this.#goOn();
    this.changed();
  }

  #showLive() {
    const isAtEnd = hasEnded(this.#job) && (this.#after ?? 0) >= (this.#job?.seq ?? 0);
    if (!this.#job) this.show("waiting", "there is no such job yet");
    else if (this.isOver || (isAtEnd && !this.link.hasEnd)) this.show("ended");
    else this.show(this.link.isPolled ? "polling" : "live");
  }

  /**
   * @param {string} name
   * @param {any} event
   */
  receive(name, event) {
    if (name === "job:removed") this.#removed(event.log);
    else if (event.seq === undefined) this.#job = afterNote(this.#job, name, event);
    else {
      if (this.#isDoubtful && event.seq <= (this.#after ?? 0)) this.#clear();
      this.#isDoubtful = false;
      this.#after = event.seq;
      if (name === "job:log") this.#receiveLines(event, [event]);
      else if (name === "job:logs") this.#receiveLines(event, event.lines);
      else this.#receiveState(name, event);
    }
    this.#showLive();
    this.changed(Math.max(FRAME_MS, this.#lines.count / LINES_PER_MS));
  }

  /**
   * @param {any} head
   * @param {any[]} lines
   */
  #receiveLines(head, lines) {
    for (const { jobId, projectId, seq, ...line } of lines) this.#lines.put(line);
    const last = lines[lines.length - 1];
    if (!this.#job) {
      this.#job = { ...newJob(head, last.at), status: "building", phase: "building", progressKnown: false };
      this.read();
    }
    if (head.seq <= this.#job.seq) return;
    const count = Math.max(this.#job.lines, last.line);
    this.#job = { ...this.#job, seq: head.seq, lines: count, updatedAt: last.at, seenAt: last.at };
  }

  /**
   * @param {string} name
   * @param {any} event
   */
  #receiveState(name, event) {
    const before = this.#job;
    this.#job = afterEvent(before, name, event);
    if (this.#job === before) return;
    this.#stateSeq = event.seq;
    // Events do not tell all of a job.
    if (before?.phase !== event.phase || !name.endsWith(":progress")) this.read();
    if (!hasEnded(this.#job)) this.#goOn();
  }

  /** @param {{ firstLine: number, lastLine: number } | undefined} log these lines alone */
  #removed(log) {
    if (log) {
      this.#lines.remove(log.firstLine, log.lastLine);
      this.#erasedTo = log.lastLine;
    } else this.#clear();
    this.read();
  }

  /** The stream is at its end; promises how long (ms) to rest before looking for more. */
  async ended() {
    await this.read();
    if (!hasEnded(this.#job)) return SOON_MS;
    this.isOver = true;
    this.#showLive();
    return LOOK_AGAIN_MS[this.#looks++] ?? LOOK_ON_MS;
  }
}
