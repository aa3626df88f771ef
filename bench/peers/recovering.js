// An unchanged socket.io-client that does no more than ask for connection state recovery.
// node recovering.js PORT JOB LAST: prints the seqs that it saw, and when it saw the last, as JSON.
const { io } = require("socket.io-client");

const [port, job, last] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const seqs = [];
let [connections, recovered] = [0, 0];
const socket = io(`http://127.0.0.1:${port}`, {
  path: "/ws",
  transports: ["websocket"],
  auth: { recovery: true },
  reconnectionDelay: 20,
  reconnectionDelayMax: 50,
});
socket.on("connect", () => {
  connections += 1;
  if (socket.recovered) recovered += 1;
  else socket.emit("subscribe:job", job, () => process.stderr.write("subscribed\n"));
});
socket.on("job:progress", ({ seq }) => {
  seqs.push(seq);
  if (seq >= last) end();
});

function end() {
  process.stdout.write(JSON.stringify({ seqs, connections, recovered }), () => process.exit(0));
}
process.on("SIGTERM", end);
