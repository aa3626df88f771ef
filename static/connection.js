// The live part of a page: Socket.IO, or server-sent events where it is off or its client is not here.
//
// A page is told by its methods:
//   state(name)         how the connection is; see chip.js
//   silent(is)          whether the connection says nothing although it was asked; see watchdog.js
//   event(name, data)   an event of the contract's section 3, in order, once
// and besides, where it follows a job:
//   job(job)            the job as it stands, or null before its first update
//   afresh(isSame)      read the state and the newest lines anew, and drop what is there if the store has another
//                       history; promises the new seq
//   isOver()            whether nothing can come any more
// or, where it follows projects:
//   refresh()           something may have been missed: read the lists anew; a promise

import { getJob, jobPath, Refused } from "chef/api.js";
import { live } from "chef/dom.js";
import { watchSocket, watchStream } from "chef/watchdog.js";

const JOB_EVENTS = ["job:progress", "job:log", "job:logs", "job:completed", "job:error"];
const PROJECT_EVENTS = ["project:progress", "project:completed", "project:error"];
const ANSWER_MS = 15_000;
const RETRY_MS = 1_000;
const RETRY_MOST_MS = 5_000;
// Who missed more than this, asleep perhaps, reads the end and does not have all of it sent.
const FAR_EVENTS = 20_000;
const POLL_MS = 3_000;
// Lines may come for some minutes after a job's end, and the event stream closes at the end.
const LATE_LINES_MS = 10_000;

/** Follow a job from `seq` on, in the history that `epoch` names. */
export async function followJob(jobId, seq, epoch, page) {
  const io = await socketIo();
  return io ? new JobOnSocket(io, jobId, seq, epoch, page) : new JobOnStream(jobId, seq, page);
}

/** Follow projects; `add` further ones to what this promises. */
export async function followProjects(projectIds, page) {
  const io = await socketIo();
  if (io) return new ProjectsOnSocket(io, projectIds, page);
  return live.projectId ? new ProjectOnStream(live.projectId, page) : new Polling(page);
}

async function socketIo() {
  if (live.transport !== "socket") return null;
  try {
    return (await import("socket.io-client")).io;
  } catch {
    return null;
  }
}

function openSocket(io, page) {
  const socket = io({
    path: "/ws",
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    reconnectionDelay: 500,
    reconnectionDelayMax: 3_000,
  });
  socket.on("disconnect", (reason) => {
    page.state("reconnecting");
    // Sent away by the server, as when a token expires: the library would not come back by itself.
    if (reason === "io server disconnect") setTimeout(() => socket.connect(), RETRY_MS);
  });
  socket.on("connect_error", (error) => {
    page.state(error.message === "Authentication error" ? "signed-out" : "reconnecting");
  });
  watchSocket(socket, page);
  return socket;
}

class JobOnSocket {
  #jobId;
  #seq;
  #epoch;
  #page;
  #socket;
  // Which subscription is the present one; an answer to an earlier one means nothing.
  #turn = 0;
  #muted = false;
  // The seq up to which the server knew the job when it took the subscription.
  #goal = 0;

  constructor(io, jobId, seq, epoch, page) {
    [this.#jobId, this.#seq, this.#epoch, this.#page] = [jobId, seq, epoch, page];
    this.#socket = openSocket(io, page);
    // On every connect: the client library subscribes to nothing again by itself.
    this.#socket.on("connect", () => this.#subscribe());
    for (const name of JOB_EVENTS) this.#socket.on(name, (event) => this.#receive(name, event));
  }

  #subscribe() {
    const turn = ++this.#turn;
    const wanted = { jobId: this.#jobId, after: this.#seq, epoch: this.#epoch, batch: true };
    this.#muted = false;
    // A callback and no promise: events that come in the same packet must find this done.
    this.#socket.timeout(ANSWER_MS).emit("subscribe:job", wanted, (late, answer) => {
      if (turn !== this.#turn) return;
      if (late) this.#reconnect();
      else if (!answer.ok) this.#page.state("refused");
      else if (!answer.complete) this.#startAfresh(turn, answer.epoch, answer.firstSeq !== undefined);
      else if (answer.seq - this.#seq > FAR_EVENTS) this.#startAfresh(turn, answer.epoch, true);
      else this.#begin(answer);
    });
  }

  #begin({ job, seq, epoch }) {
    this.#epoch = epoch;
    this.#goal = seq;
    this.#page.job(job);
    this.#tellState();
  }

  #receive(name, event) {
    if (this.#muted || event.jobId !== this.#jobId) return;
    this.#seq = Math.max(this.#seq, event.seq);
    this.#page.event(name, event);
    this.#tellState();
  }

  #tellState() {
    this.#page.state(this.#seq < this.#goal ? "catching-up" : "live");
  }

  /** Read the present state anew; `isSame`: of the same history, of which too much was missed, or is gone. */
  #startAfresh(turn, epoch, isSame) {
    this.#muted = true;
    this.#page.state("catching-up");
    this.#socket.timeout(ANSWER_MS).emit("unsubscribe:job", this.#jobId, async () => {
      try {
        const seq = await this.#page.afresh(isSame);
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
    this.#page.state("reconnecting");
    setTimeout(() => this.#socket.connect(), RETRY_MS);
  }
}

/** An EventSource that we open again ourselves: its own way back says nothing of why it was refused. */
class Stream {
  #url;
  #names;
  #on;
  #dog;
  #wait = RETRY_MS;
  #source = null;

  constructor(url, names, on) {
    [this.#url, this.#names, this.#on] = [url, names, on];
    this.#dog = watchStream(on, () => this.#source && this.open());
    this.open();
  }

  open() {
    this.close();
    const source = new EventSource(this.#url());
    this.#source = source;
    source.addEventListener("open", () => {
      this.#wait = RETRY_MS;
      this.#dog.heard();
      this.#on.open();
    });
    source.addEventListener("error", () => this.#comeBack(source));
    source.addEventListener("end", () => {
      source.close();
      this.#on.end?.();
    });
    for (const name of this.#names) {
      source.addEventListener(name, (message) => {
        this.#dog.heard();
        this.#on.event(name, JSON.parse(message.data));
      });
    }
  }

  close() {
    this.#source?.close();
    this.#source = null;
  }

  #comeBack(source) {
    source.close();
    if (source !== this.#source) return;
    this.#on.lost();
    setTimeout(() => {
      if (source === this.#source) this.open();
    }, this.#wait);
    this.#wait = Math.min(this.#wait * 1.6, RETRY_MOST_MS);
  }
}

/** What a refusal over HTTP means for the connection; null where trying again may help. */
function finalState(error) {
  if (!(error instanceof Refused)) return null;
  return { 401: "signed-out", 403: "refused" }[error.status] ?? null;
}

class JobOnStream {
  #jobId;
  #seq;
  #page;
  #stream;

  constructor(jobId, seq, page) {
    [this.#jobId, this.#seq, this.#page] = [jobId, seq, page];
    this.#stream = new Stream(() => `${jobPath(jobId)}/events?after=${this.#seq}`, JOB_EVENTS, {
      open: () => this.#read(),
      event: (name, event) => this.#receive(name, event),
      lost: () => this.#lost(),
      end: () => this.#end(),
      silent: (is) => page.silent(is),
    });
  }

  /** Read the job besides the stream: an ending may be half told, or the history another one. */
  async #read() {
    try {
      const job = await getJob(this.#jobId);
      if ((job?.seq ?? 0) < this.#seq) return await this.#startAfresh();
      this.#page.job(job);
      this.#page.state("live");
    } catch (error) {
      this.#failed(error);
    }
  }

  #receive(name, event) {
    const isEnding = name === "job:completed" || name === "job:error";
    if (isEnding ? event.seq < this.#seq : event.seq <= this.#seq) return;
    this.#seq = event.seq;
    this.#page.event(name, event);
  }

  async #startAfresh() {
    this.#stream.close();
    this.#seq = await this.#page.afresh();
    this.#stream.open();
  }

  #lost() {
    this.#page.state("reconnecting");
    getJob(this.#jobId).catch((error) => this.#failed(error));
  }

  #failed(error) {
    const state = finalState(error);
    if (state) this.#stream.close();
    this.#page.state(state ?? "reconnecting");
  }

  #end() {
    if (!this.#page.isOver()) setTimeout(() => this.#stream.open(), LATE_LINES_MS);
  }
}

class ProjectsOnSocket {
  #ids;
  #page;
  #socket;

  constructor(io, projectIds, page) {
    [this.#ids, this.#page] = [new Set(projectIds), page];
    this.#socket = openSocket(io, page);
    this.#socket.on("connect", () => this.#subscribe([...this.#ids]));
    for (const name of PROJECT_EVENTS) this.#socket.on(name, (event) => page.event(name, event));
  }

  /** Follow further projects too. */
  add(projectIds) {
    const unknown = projectIds.filter((id) => !this.#ids.has(id));
    for (const id of unknown) this.#ids.add(id);
    if (unknown.length > 0 && this.#socket.connected) this.#subscribe(unknown);
  }

  async #subscribe(projectIds) {
    const connection = this.#socket.id;
    try {
      const subscribe = (id) => this.#socket.timeout(ANSWER_MS).emitWithAck("subscribe:project", id);
      await Promise.all(projectIds.map(subscribe));
      // Only now: what comes after the lists were read is an event, what came before is in them.
      await this.#page.refresh();
      if (connection === this.#socket.id) this.#page.state("live");
    } catch (error) {
      if (connection !== this.#socket.id) return;
      const state = finalState(error);
      this.#page.state(state ?? "reconnecting");
      if (!state) setTimeout(() => this.#socket.connected && this.#subscribe(projectIds), RETRY_MS);
    }
  }
}

class ProjectOnStream {
  constructor(projectId, page) {
    const refresh = () =>
      page.refresh().then(
        () => page.state("live"),
        (error) => {
          const state = finalState(error);
          if (state) stream.close();
          page.state(state ?? "reconnecting");
        },
      );
    const url = `/api/projects/${encodeURIComponent(projectId)}/events`;
    const stream = new Stream(() => url, PROJECT_EVENTS, {
      open: refresh,
      event: (name, event) => page.event(name, event),
      silent: (is) => page.silent(is),
      lost: () => {
        page.state("reconnecting");
        refresh();
      },
    });
  }

  /** This is the stream of one project. */
  add() {}
}

class Polling {
  #page;
  #dog;

  constructor(page) {
    this.#page = page;
    this.#dog = watchStream(page, () => {});
    this.#poll();
  }

  /** All are read each time. */
  add() {}

  async #poll() {
    try {
      if (!document.hidden) await this.#page.refresh();
      this.#dog.heard();
      this.#page.state("live");
    } catch (error) {
      const state = finalState(error);
      this.#page.state(state ?? "reconnecting");
      if (state) return;
    }
    setTimeout(() => this.#poll(), POLL_MS);
  }
}
