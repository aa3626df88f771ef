// The last resort of a page: where Socket.IO cannot get through though the server answers, the page goes on without it.
//
// An origin that is refused, a proxy that does not know WebSocket, or one that takes the upgrade and says nothing.

import { byId, setText } from "chef/dom.js";
import { texts } from "chef/texts.js";

/** @import { Socket } from "socket.io-client" */

/** @typedef {"refused" | "unanswered"} Obstacle why Socket.IO does not get through */

const LOOK_MS = 1_200;
const PATIENCE_MS = 3_000;
// So many answers of the server in a row, and no socket, are no outage and no slow network.
const ANSWERS = 4;

/**
 * Watch a socket that is to be connected, and call `giveUp` once if it cannot be.
 *
 * @param {Socket} socket
 * @param {(obstacle: Obstacle) => void} giveUp
 */
export function watchConnecting(socket, giveUp) {
  let answers = 0;
  let isRefused = false;
  const isTrying = () => socket.active && !socket.connected;
  socket.on("connect_error", () => {
    isRefused = true;
  });
  socket.on("connect", () => {
    isRefused = false;
  });
  const look = async () => {
    answers = isTrying() && (await serverAnswers()) && isTrying() ? answers + 1 : 0;
    if (answers === ANSWERS) giveUp(isRefused ? "refused" : "unanswered");
    else setTimeout(look, LOOK_MS);
  };
  setTimeout(look, LOOK_MS);
}

async function serverAnswers() {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    return (await fetch("/favicon.svg", { method: "HEAD", cache: "no-store", signal })).ok;
  } catch {
    return false;
  }
}

/**
 * Say beside the state of the connection that it is not the usual one, and why.
 *
 * @param {Obstacle} obstacle
 */
export function tellObstacle(obstacle) {
  const why = byId("chip-why");
  setText(why, `· ${texts.obstacle[obstacle]}`);
  why.title = texts.resort[obstacle];
}
