// The connections of a page's elements: one for all that show the same job or project.

import { watchJob, watchProject } from "chef-client";

/** @import { Job, JobState, ProjectState, Watch, WatchOptions } from "chef-client" */

/** A token, or a function that is asked for one. @typedef {WatchOptions<unknown>["token"]} Token */

/**
 * A job or a project of a server. `limit` is for projects: so many jobs.
 *
 * @typedef {{ kind: "job" | "project", server: string, id: string, token: Token, limit: number }} Subject
 */

/** @typedef {JobState | ProjectState} FeedState */

/**
 * An element that is told of each new state, with the log's newest lines if it wants them.
 *
 * @typedef {{ wantsLines: boolean, update: (state: any) => void }} Listener
 */

/** The newest lines that a connection brings: more than a terminal's cursor moves back over. */
const TAIL = 400;
// Reporters' heartbeats emit no event: a silent job is asked for while somebody looks.
const SILENT_MS = 60_000;
const ASK_MS = 30_000;
const READ_MS = 20_000;
/** States that another token may change. */
const REFUSED = new Set(["unauthorized", "forbidden"]);

/** @type {Map<string, Feed>} */
const feeds = new Map();
/**
 * What tells subjects apart: elements with the same have one connection. Functions that give tokens do not: a framework
 * makes a new one at each rendering.
 *
 * @param {Subject} subject
 */
export function keyOf({ kind, server, id, token, limit }) {
  return JSON.stringify([kind, server, id, limit, typeof token === "function" ? [] : token]);
}

/**
 * Ask the newest function for tokens, where it is another one than before.
 *
 * @param {Subject} subject
 */
export function renew(subject) {
  feeds.get(keyOf(subject))?.renew(subject.token);
}

/**
 * Follow a subject; returns how to stop.
 *
 * @param {Subject} subject
 * @param {Listener} listener
 */
export function follow(subject, listener) {
  const key = keyOf(subject);
  const feed = feeds.get(key) ?? new Feed(subject);
  feeds.set(key, feed);
  feed.add(listener);
  return () => {
    if (feed.remove(listener)) feeds.delete(key);
  };
}

class Feed {
  #subject;
  /** @type {Set<Listener>} */
  #listeners = new Set();
  /** @type {Watch<FeedState> | null} */
  #watch = null;
  #hasLines = false;
  /** @type {FeedState | null} */
  #state = null;
  /** The job as it was read last, besides its events. @type {Job | null} */
  #read = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #beginning;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #asking;

  /** @param {Subject} subject */
  constructor(subject) {
    this.#subject = { ...subject };
  }

  /** @param {Listener} listener */
  add(listener) {
    this.#listeners.add(listener);
    if (this.#state) listener.update(this.#shown);
    // A moment later, so that all elements of a page have said what they want.
    this.#beginning ??= setTimeout(() => this.#begin());
  }

  /**
   * Returns whether nobody is left.
   *
   * @param {Listener} listener
   */
  remove(listener) {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return false;
    clearTimeout(this.#beginning);
    clearInterval(this.#asking);
    this.#watch?.close();
    return true;
  }

  /** @param {Token} token */
  renew(token) {
    if (token === this.#subject.token) return;
    this.#subject.token = token;
    if (REFUSED.has(this.#state?.connection.state ?? "")) this.#watch?.retry();
  }

  #begin() {
    this.#beginning = undefined;
    const wantsLines = [...this.#listeners].some((listener) => listener.wantsLines);
    if (this.#watch && (this.#hasLines || !wantsLines)) return;
    this.#watch?.close();
    this.#hasLines = wantsLines;
    this.#watch = this.#connect(wantsLines ? TAIL : 0);
    if (this.#subject.kind === "job") this.#asking ??= setInterval(() => this.#askWhetherAlive(), ASK_MS);
  }

  /** @param {number} tail */
  #connect(tail) {
    const { kind, server, id, limit } = this.#subject;
    const token = typeof this.#subject.token === "function" ? this.#ask : this.#subject.token;
    const onChange = (/** @type {FeedState} */ state) => this.#take(state);
    if (kind === "project") return watchProject(server, id, { token, limit, onChange });
    return watchJob(server, id, { token, tail, onChange });
  }

  /** @param {{ refused: boolean }} about */
  #ask = (about) => {
    const { token } = this.#subject;
    return typeof token === "function" ? token(about) : (token ?? null);
  };

  /** @param {FeedState} state */
  #take(state) {
    this.#state = state;
    for (const listener of this.#listeners) listener.update(this.#shown);
  }

  /** The state with what was read since: a sign of life has no event. */
  get #shown() {
    const state = this.#state;
    const read = this.#read;
    if (!state || !("job" in state) || !state.job || !read || read.seq < state.job.seq) return state;
    return { ...state, job: read };
  }

  async #askWhetherAlive() {
    const job = this.#state && "job" in this.#state ? this.#state.job : null;
    if (!job || job.finishedAt || document.hidden || Date.now() - Date.parse(job.updatedAt) < SILENT_MS)
      return;
    try {
      this.#read = await readJson(this.#subject, `/api/jobs/${encodeURIComponent(job.jobId)}`);
    } catch {
      return; // The connection itself says that the server is away.
    }
    if (this.#state) this.#take(this.#state);
  }
}

/**
 * Read over HTTP what the events of a subject do not tell.
 *
 * @param {Subject} subject
 * @param {string} path
 * @returns {Promise<any>} the JSON, of which the caller knows the type
 */
export async function readJson({ server, token }, path) {
  const given = typeof token === "function" ? await token({ refused: false }) : token;
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (given) headers.Authorization = `Bearer ${given}`;
  const answer = await fetch(server + path, { headers, signal: AbortSignal.timeout(READ_MS) });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}
