// The reference server of npm with the application of echo.py: it greets, and echoes.

import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { path: "/ws", pingInterval: 2500, pingTimeout: 20_500, maxHttpBufferSize: 1e6 });

for (const namespace of ["/", "/custom"]) {
  io.of(namespace).on("connection", (socket) => socket.emit("auth", socket.handshake.auth));
}
io.on("connection", (socket) => {
  socket.on("message", (...values) => socket.emit("message-back", ...values));
  socket.on("message-with-ack", (...values) => {
    const acknowledge = values.pop();
    acknowledge(...values);
  });
});
http.listen(Number(process.env.PORT), "127.0.0.1");
