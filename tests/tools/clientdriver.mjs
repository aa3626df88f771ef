// The client in Node, as a test has it: one order a line comes in, one answer a line goes out.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [path, speed] = process.argv.slice(2);
const library = () => createRequire(import.meta.url)("socket.io-client").io;

// A page that can be hidden.
const page = Object.assign(new EventTarget(), { hidden: false });
// Time for the client alone, so that nobody has to wait for a minute.
const { setTimeout: start } = globalThis;
/** @type {(task: (...more: any[]) => void, ms?: number, ...more: any[]) => NodeJS.Timeout} */
const faster = (task, ms = 0, ...more) => start(task, ms / Number(speed), ...more);
Object.assign(globalThis, { document: page, setTimeout: faster });

const { watchJob, watchProject } = await import(path);

/** @typedef {{ calls: number, connections: string[], asked: boolean[], anew: string[], unsound: any[] }} Told */
/** @type {Map<number, { watch: any, told: Told }>} */
const watches = new Map();

/** @param {any} order */
function open({ id, kind, server, target, overSocket, tokens, ...options }) {
  /** @type {Told} */
  const told = { calls: 0, connections: [], asked: [], anew: [], unsound: [] };
  /** @type {any} */
  let before = null;
  const token = (/** @type {{ refused: boolean }} */ about) => {
    told.asked.push(about.refused);
    return tokens.length > 1 ? tokens.shift() : tokens[0];
  };
  const onChange = (/** @type {any} */ state) => {
    told.calls++;
    const { job, jobs = [], phases = [] } = state;
    const isSound = [job ?? null, ...jobs].every((one) => one === null || one.updatedAt);
    if (!isSound || phases.some((/** @type {any} */ span) => !span.phase)) told.unsound.push(state);
    if (state.connection !== before?.connection) told.connections.push(state.connection.state);
    for (const name of before ? ["job", "lines", "phases", "jobs"] : []) {
      const [now, then] = [state[name], before[name]];
      if (now === then || now?.length !== then?.length) continue;
      if (JSON.stringify(now) === JSON.stringify(then)) told.anew.push(name);
    }
    before = state;
  };
  const watch = kind === "project" ? watchProject : watchJob;
  const given = { ...options, onChange, ...(tokens && { token }), ...(overSocket && { io: library() }) };
  watches.set(id, { watch: watch(server, target, given), told });
}

/** @type {Record<string, (order: any) => unknown>} */
const orders = {
  open,
  retry: ({ id }) => watches.get(id)?.watch.retry(),
  close: ({ id }) => watches.get(id)?.watch.close(),
  state: ({ id }) => ({ ...watches.get(id)?.watch.state, ...watches.get(id)?.told }),
  look({ isHidden }) {
    page.hidden = isHidden;
    page.dispatchEvent(new Event("visibilitychange"));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { order, ...about } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(orders[order](about) ?? null)}\n`);
}
process.exit();
