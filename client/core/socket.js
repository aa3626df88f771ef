// Following over Socket.IO, by a client of it that was passed.

import { Refused } from "./stream.js";

/** @import { SocketIo } from "../client.d.ts" */
/** @import { Follower, Listener } from "./follower.js" */

const ANSWER_MS = 15_000;
/** @type {Record<string, number>} */
const STATUS_OF_CODE = { forbidden: 403, invalid: 422, rate_limited: 429, store_unavailable: 503 };

/**
 * Follow until the connection ends, which is always by an error: coming back is not left to the library.
 *
 * @param {SocketIo} io
 * @param {string} server
 * @param {string | null | undefined} token
 * @param {number} failures so many connections have failed before
 * @param {Follower<any>} follower
 * @param {Listener} listener
 * @param {AbortController} present ends it
 * @returns {Promise<never>}
 */
export function followBySocket(io, server, token, failures, follower, { opened, receive }, { signal }) {
  const { origin, pathname } = new URL(server);
  const transports = ["websocket", "polling"];
  const socket = io(origin, {
    path: `${pathname.replace(/\/$/, "")}/ws`,
    auth: token ? { token } : {},
    forceNew: true,
    reconnection: false,
    // The library of before 4.8 tries the first one alone.
    transports: failures % 2 ? transports.reverse() : transports,
    tryAllTransports: true,
  });
  return new Promise((_, reject) => {
    const late = setTimeout(() => reject(new Error("the server does not answer")), ANSWER_MS);
    signal.addEventListener("abort", () => {
      clearTimeout(late);
      socket.off();
      socket.disconnect();
      reject(signal.reason);
    });
    socket.on("connect", () => {
      const [name, wanted] = follower.subscription;
      socket.emit(name, wanted, (/** @type {any} */ answer) => {
        clearTimeout(late);
        if (answer.ok) opened(answer);
        else reject(refusal(answer.error));
      });
    });
    socket.on("connect_error", (/** @type {any} */ error) =>
      reject(refusal({ message: error.message, ...error.data })),
    );
    socket.on("disconnect", (/** @type {string} */ reason) => reject(new Error(reason)));
    for (const name of follower.events) socket.on(name, (/** @type {any} */ event) => receive(name, event));
  });
}

/** @param {{ code?: string, message: string, retryAfter?: number }} error */
function refusal({ code = "", message, retryAfter = 0 }) {
  const status = message === "Authentication error" ? 401 : STATUS_OF_CODE[code];
  return status ? new Refused(status, message, 1_000 * retryAfter) : new Error(message);
}
