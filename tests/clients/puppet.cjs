// The official Socket.IO client, led by a test: commands come on stdin, what happens goes to stdout,
// one JSON object a line. Arguments: the name of the package, the URL, the client's options as JSON.
const readline = require('node:readline');

const [name, url, options] = process.argv.slice(2);
const { io } = require(name);

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

const commands = {
  emit: ({ args }) => socket.emit(...args),
  call: ({ args, id }) => socket.emit(...args, (...answer) => say({ ack: id, args: answer })),
  disconnect: () => socket.disconnect(),
};

readline
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { command, ...rest } = JSON.parse(line);
    commands[command](rest);
  })
  .on('close', () => process.exit(0));
