// Jobs and projects followed over Socket.IO.

import { shareToken, showsAll } from "chef/base.js";
import { finalState, JOB_EVENTS, PROJECT_EVENTS, RETRY_MS } from "chef/connection-state.js";
import { askForEvents } from "chef/job-asking.js";
import { watchConnecting } from "chef/last-resort.js";
import { SharedConnection } from "chef/shared-connection.js";
import { watchSocket } from "chef/watchdog.js";

/** @import { io as SocketIo, Socket } from "socket.io-client" */
/** @import { ConnectedPage, JobPage, ListPage } from "chef/connection-state.js" */
/** @import { Obstacle } from "chef/last-resort.js" */
/** @import { Job, JobEvent } from "chef/state.js" */
/** @import { Listener } from "chef/watchdog.js" */

const ANSWER_MS = 15_000;
// A page that missed more than this, asleep perhaps, reads the end and does not have all of it sent.
const FAR_EVENTS = 20_000;

/**
 * The answer to `subscribe:job` (docs/contract.md, section 3).
 *
 * @typedef {{ ok: false } | {
 *   ok: true, complete: boolean, seq: number, epoch: string, job: Job | null, firstSeq?: number
 * }} Subscribed
 */

/**
 * Open a socket. A WebSocket is no burden; one by long polling keeps one of the browser's few connections busy.
 *
 * @param {typeof SocketIo} io
 * @param {ConnectedPage} page
 * @param {() => Promise<void>} ask reads what is new, without the socket
 * @param {(obstacle: Obstacle) => void} giveUp is told that it does not get through, and is closed for good
 */
function openSocket(io, page, ask, giveUp) {
  const socket = io({
    path: "/ws",
    auth: shareToken ? { token: shareToken } : {},
    // Where a browser has no WebSocket at all, the library waits for it for ever.
    transports: "WebSocket" in window && window.WebSocket ? ["websocket", "polling"] : ["polling"],
    tryAllTransports: true,
    reconnectionDelay: 500,
    reconnectionDelayMax: 3_000,
  });
  socket.on("disconnect", (reason) => {
    if (reason === "io client disconnect") return;
    page.showConnection("reconnecting");
    // Sent away by the server, as when a token expires: the library would not come back by itself.
    if (reason === "io server disconnect") setTimeout(() => socket.connect(), RETRY_MS);
  });
  socket.on("connect_error", (error) => {
    page.showConnection(error.message === "Authentication error" ? "signed-out" : "reconnecting");
  });
  const watchdog = watchSocket(socket, page);
  const shared = sharePolling(socket, page, ask, watchdog);
  watchConnecting(socket, (obstacle) => {
    socket.off();
    shared.close();
    watchdog.stop();
    giveUp(obstacle);
  });
  return socket;
}

/**
 * Once a socket is known to poll, have it do so only while there is a slot for it.
 *
 * @param {Socket} socket
 * @param {ConnectedPage} page
 * @param {() => Promise<void>} ask
 * @param {Listener} watchdog
 * @returns {SharedConnection}
 */
function sharePolling(socket, page, ask, watchdog) {
  const shared = new SharedConnection({
    connect: () => socket.active || socket.connect(),
    disconnect: () => socket.disconnect(),
    lost: () => page.showConnection("reconnecting"),
    async ask() {
      await ask();
      watchdog.heard();
    },
  });
  let isShared = false;
  socket.io.on("open", () => {
    if (isShared || socket.io.engine.transport.name !== "polling") return;
    isShared = true;
    shared.open();
  });
  return shared;
}

export class JobOnSocket {
  /** @type {string} */
  #jobId;
  /** @type {number} */
  #seq;
  /** @type {string} */
  #epoch;
  /** @type {JobPage} */
  #page;
  /** @type {Socket} */
  #socket;
  // The number of the present subscription; an answer to an earlier one means nothing.
  #turn = 0;
  #isMuted = false;
  // The seq up to which the server knew the job when it took the subscription.
  #goal = 0;

  /**
   * @param {typeof SocketIo} io
   * @param {{ jobId: string, seq: number, epoch: string, page: JobPage }} followed
   * @param {(seq: number, obstacle: Obstacle) => void} giveUp is told how far it came, and why no further
   */
  constructor(io, { jobId, seq, epoch, page }, giveUp) {
    [this.#jobId, this.#seq, this.#epoch, this.#page] = [jobId, seq, epoch, page];
    this.#socket = openSocket(
      io,
      page,
      () => this.#ask(),
      (obstacle) => {
        this.#turn++;
        giveUp(this.#seq, obstacle);
      },
    );
    // On every connect: the client library subscribes to nothing again by itself.
    this.#socket.on("connect", () => this.#subscribe());
    for (const name of JOB_EVENTS) this.#socket.on(name, (event) => this.#receive(name, event));
  }

  #subscribe() {
    const turn = ++this.#turn;
    const wanted = { jobId: this.#jobId, after: this.#seq, epoch: this.#epoch, batch: true };
    this.#isMuted = false;
    // A callback and no promise: events that come in the same packet must find this done.
    this.#socket
      .timeout(ANSWER_MS)
      .emit("subscribe:job", wanted, (/** @type {Error | null} */ late, /** @type {Subscribed} */ answer) => {
        // Where the connection has ended, the next one subscribes anew.
        if (turn !== this.#turn || !this.#socket.connected) return;
        if (late) this.#reconnect();
        else if (!answer.ok) this.#page.showConnection("refused");
        else this.#answered(turn, answer);
      });
  }

  /**
   * @param {number} turn
   * @param {Subscribed & { ok: true }} answer
   */
  #answered(turn, { complete, firstSeq, epoch, seq, job }) {
    if (!complete) this.#startAfresh(turn, epoch, firstSeq !== undefined && epoch === this.#epoch);
    else if (seq - this.#seq > FAR_EVENTS) this.#startAfresh(turn, epoch, true);
    else {
      this.#epoch = epoch;
      // Of a job without its log the newest event may be a line, which never comes.
      this.#goal = showsAll ? seq : 0;
      this.#page.update(job);
      this.#tellState();
    }
  }

  /**
   * @param {string} name
   * @param {JobEvent} event
   */
  #receive(name, event) {
    if (this.#isMuted || event.jobId !== this.#jobId) return;
    if (name === "job:removed") {
      this.#startAfresh(this.#turn, this.#epoch, false);
      return;
    }
    if ("seq" in event) this.#seq = Math.max(this.#seq, event.seq);
    this.#page.receive(name, event);
    this.#tellState();
  }

  /** Ask for all that has happened since. */
  async #ask() {
    this.#turn++;
    this.#isMuted = false;
    const receive = (/** @type {string} */ name, /** @type {JobEvent} */ event) => {
      if ("seq" in event && event.seq >= this.#seq) this.#receive(name, event);
    };
    try {
      const job = await askForEvents(this.#jobId, () => this.#seq, receive);
      if ((job?.seq ?? 0) < this.#seq) this.#seq = await this.#page.restart(false);
      this.#page.update(job);
      this.#page.showConnection("live");
    } catch (error) {
      this.#page.showConnection(finalState(error) ?? "reconnecting");
    }
  }

  #tellState() {
    this.#page.showConnection(this.#seq < this.#goal ? "catching-up" : "live");
  }

  /**
   * Read the present state anew.
   *
   * @param {number} turn
   * @param {string} epoch
   * @param {boolean} isSameHistory too much of it was missed, or is gone
   */
  #startAfresh(turn, epoch, isSameHistory) {
    this.#isMuted = true;
    this.#page.showConnection("catching-up");
    this.#socket.timeout(ANSWER_MS).emit("unsubscribe:job", this.#jobId, async () => {
      if (turn !== this.#turn) return;
      try {
        const seq = await this.#page.restart(isSameHistory);
        if (turn !== this.#turn) return;
        [this.#seq, this.#epoch] = [seq, epoch];
        this.#subscribe();
      } catch {
        if (turn === this.#turn) this.#reconnect();
      }
    });
  }

  #reconnect() {
    this.#socket.disconnect();
    this.#page.showConnection("reconnecting");
    setTimeout(() => this.#socket.connect(), RETRY_MS);
  }
}

export class ProjectsOnSocket {
  /** @type {Set<string>} */
  #ids;
  /** @type {ListPage} */
  #page;
  /** @type {Socket} */
  #socket;

  /**
   * @param {typeof SocketIo} io
   * @param {string[]} projectIds
   * @param {ListPage} page
   * @param {(obstacle: Obstacle) => void} giveUp
   */
  constructor(io, projectIds, page, giveUp) {
    [this.#ids, this.#page] = [new Set(projectIds), page];
    this.#socket = openSocket(io, page, () => this.#ask(), giveUp);
    this.#socket.on("connect", () => this.#subscribe([...this.#ids]));
    for (const name of PROJECT_EVENTS) this.#socket.on(name, (event) => page.receive(name, event));
  }

  /**
   * Follow further projects too.
   *
   * @param {string[]} projectIds
   */
  add(projectIds) {
    const unknown = projectIds.filter((id) => !this.#ids.has(id));
    for (const id of unknown) this.#ids.add(id);
    if (unknown.length > 0 && this.#socket.connected) this.#subscribe(unknown);
  }

  /** Read anew what the page shows. */
  async #ask() {
    try {
      await this.#page.refresh();
      this.#page.showConnection("live");
    } catch (error) {
      this.#page.showConnection(finalState(error) ?? "reconnecting");
    }
  }

  /** @param {string[]} projectIds */
  async #subscribe(projectIds) {
    const connection = this.#socket.id;
    try {
      const subscriber = this.#socket.timeout(ANSWER_MS);
      await Promise.all(projectIds.map((id) => subscriber.emitWithAck("subscribe:project", id)));
      // Only now: changes after the lists were read come as events, those before are in the lists.
      await this.#page.refresh();
      if (connection === this.#socket.id) this.#page.showConnection("live");
    } catch (error) {
      if (connection !== this.#socket.id) return;
      const state = finalState(error);
      this.#page.showConnection(state ?? "reconnecting");
      if (!state) setTimeout(() => this.#socket.connected && this.#subscribe(projectIds), RETRY_MS);
    }
  }
}
