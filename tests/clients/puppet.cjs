// The official Socket.IO client, led by a test: commands come on stdin, what happens goes to stdout,
// one JSON object a line. Arguments: the name of the package, the URL, the client's options as JSON.
const readline = require('node:readline');

const [name, url, options] = process.argv.slice(2);
/** @type {typeof import('socket.io-client')} */
const { io } = require(name);

/** @param {unknown} what */
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const socket = io(url, JSON.parse(options));

socket.on('connect', () => {
  const engine = socket.io.engine;
  say({ connected: engine.transport.name });
  engine.once('upgrade', (transport) => say({ upgraded: transport.name }));
});
// A refusal by the server carries what the server said; `String` would hide a missing message.
socket.on('connect_error', (error) => say({ refused: error.message === undefined ? null : error.message }));
socket.on('disconnect', (reason) => say({ disconnected: reason }));
socket.onAny((event, ...args) => say({ event, args }));

/** @typedef {[event: string, ...args: unknown[]]} Args */
/** @typedef {{ command: 'emit' | 'call' | 'disconnect', args: Args, id: number }} Command */

/** @type {Record<Command['command'], (command: Command) => unknown>} */
const commands = {
  emit: ({ args }) => socket.emit(...args),
  call: ({ args, id }) =>
    socket.emit(...args, (/** @type {unknown[]} */ ...answer) => say({ ack: id, args: answer })),
  disconnect: () => socket.disconnect(),
};

readline
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    /** @type {Command} */
    const command = JSON.parse(line);
    commands[command.command](command);
  })
  .on('close', () => process.exit(0));
