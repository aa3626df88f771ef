// Node's Socket.IO as its documentation has it, with bufferutil: takes an update, sends it to the job's room, keeps nothing.
const http = require("http");
const { Server } = require("socket.io");

require("bufferutil"); // fails loudly where ws would quietly do without

const answer = '{"accepted":1}';

function publish(update) {
  if (update.type !== "log") {
    io.to(update.jobId).emit("job:progress", { ...update, seq: ++seq, at: new Date().toISOString() });
    return;
  }
  const at = new Date().toISOString();
  for (const message of update.message.split("\n")) {
    const { jobId, projectId } = update;
    io.to(jobId).emit("job:log", { jobId, projectId, seq: ++seq, line: seq, at, stream: "stdout", level: null, message });
  }
}

let seq = 0;
const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": answer.length });
    response.end(answer);
    if (request.method === "POST") publish(JSON.parse(Buffer.concat(parts).toString()));
  });
});
server.keepAliveTimeout = 600_000;

const io = new Server(server, { path: "/ws", pingInterval: 20_000, pingTimeout: 20_000 });
io.on("connection", (socket) => {
  socket.on("subscribe:job", (jobId, acknowledge) => {
    socket.join(jobId);
    if (acknowledge) acknowledge({ ok: true });
  });
});
server.listen(Number(process.env.PORT), "127.0.0.1", 1024);
