import { useEffect, useState } from 'react';
import { io } from 'socket.io-client';

// A page's build progress as our users write it. `options` may bring `transports` or `auth: { token }`.
export function BuildProgress({ server, jobId, options }) {
  const [progress, setProgress] = useState(0);
  const [status, setStatus] = useState('connecting');
  const [logs, setLogs] = useState([]);
  const [outcome, setOutcome] = useState(null);

  useEffect(() => {
    const socket = io(server, { path: '/ws', ...options });
    socket.on('connect', () => socket.emit('subscribe:job', jobId));
    socket.on('job:progress', (data) => {
      setProgress(data.progress);
      setStatus(data.status);
    });
    socket.on('job:log', (log) => setLogs((prev) => [...prev, log]));
    socket.on('job:completed', (result) => setOutcome(`took ${result.durationMs} ms`));
    socket.on('job:error', (error) => setOutcome(`failed: ${error.message} (${error.code})`));
    socket.on('connect_error', (error) => setStatus(error.message));
    return () => {
      socket.emit('unsubscribe:job', jobId);
      socket.disconnect();
      setLogs([]);
    };
  }, [server, jobId, options]);

  return (
    <section>
      <progress max="100" value={progress} />
      <output id="status">{status}</output>
      <p id="outcome">{outcome}</p>
      <ol id="log">
        {logs.map((log) => (
          <li key={log.seq}>{log.message}</li>
        ))}
      </ol>
    </section>
  );
}
