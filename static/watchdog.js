// Notices within three seconds that a connection has gone silent, which TCP by itself tells after a minute, or never.
//
// Only while somebody looks. Silence is said at once; the connection is given up only after a while, since a
// slow network answers late.

const LOOK_MS = 400;
const QUIET_MS = 1_200;
const STREAM_QUIET_MS = 1_600;
const ANSWER_MS = 1_200;
const GIVE_UP_MS = 8_000;

class Watchdog {
  #ask;
  #tell;
  #giveUp;
  #quietMs;
  #heardAt = Date.now();
  #askedAt = null;
  #isSilent = false;

  /** `ask()` provokes an answer, `tell(silent)` says what is so now, `giveUp()` ends the connection. */
  constructor({ ask, tell, giveUp, quietMs = QUIET_MS }) {
    [this.#ask, this.#tell, this.#giveUp, this.#quietMs] = [ask, tell, giveUp, quietMs];
    setInterval(() => this.#look(), LOOK_MS);
    addEventListener("offline", () => this.#say(true));
    addEventListener("online", () => ([this.#heardAt, this.#askedAt] = [0, null]));
  }

  /** Something came. */
  heard() {
    this.#heardAt = Date.now();
    this.#askedAt = null;
    this.#say(false);
  }

  #look() {
    if (document.hidden) return;
    const at = Date.now();
    if (this.#askedAt === null) {
      if (at - this.#heardAt >= this.#quietMs && this.#ask() !== false) this.#askedAt = at;
    } else if (at - this.#askedAt >= GIVE_UP_MS) {
      this.#askedAt = null;
      this.#heardAt = at;
      this.#giveUp();
    } else if (at - this.#askedAt >= ANSWER_MS) this.#say(true);
  }

  #say(silent) {
    if (silent === this.#isSilent) return;
    this.#isSilent = silent;
    this.#tell(silent);
  }
}

/** Watch over a Socket.IO client; `page.silent(is)` is told. */
export function watchSocket(socket, page) {
  const dog = new Watchdog({
    // Leaving what one never joined changes nothing, and is answered.
    ask: () => socket.connected && void socket.emit("unsubscribe:project", "-", () => dog.heard()),
    tell: (silent) => page.silent(silent),
    giveUp: () => socket.io.engine?.close(),
  });
  socket.io.on("open", () => {
    dog.heard();
    socket.io.engine.on("packet", () => dog.heard());
  });
}

/** Watch over an event stream, whose keep-alive comments a page cannot see: the server is asked beside it. */
export function watchStream(page, reopen) {
  let asking = null;
  const dog = new Watchdog({
    ask() {
      asking?.abort();
      asking = new AbortController();
      fetch("/favicon.svg", { method: "HEAD", cache: "no-store", signal: asking.signal }).then(
        () => dog.heard(),
        () => {},
      );
    },
    tell: (silent) => page.silent(silent),
    giveUp: reopen,
    // A request costs more than a packet.
    quietMs: STREAM_QUIET_MS,
  });
  return dog;
}
