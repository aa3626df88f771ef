// Socket.IO on Bun with its own engine, as their documentation has it: takes an update, sends it to the job's room, keeps nothing.
import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";

const answer = '{"accepted":1}';
let seq = 0;

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

const engine = new Engine({ path: "/ws/", pingInterval: 20_000, pingTimeout: 20_000 });
const io = new Server();
io.bind(engine);
io.on("connection", (socket) => {
  socket.on("subscribe:job", (jobId, acknowledge) => {
    socket.join(jobId);
    if (acknowledge) acknowledge({ ok: true });
  });
});

Bun.serve({
  ...engine.handler(),
  port: Number(process.env.PORT),
  hostname: "127.0.0.1",
  async fetch(request, server) {
    if (new URL(request.url).pathname === "/ws/") return engine.handleRequest(request, server);
    if (request.method === "POST") publish(await request.json());
    return new Response(answer, { headers: { "Content-Type": "application/json" } });
  },
});
