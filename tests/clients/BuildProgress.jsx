import { useEffect, useState } from 'react';
import { io } from 'socket.io-client';

// A page's build progress as our users write it. `options` may bring `transports` or `auth: { token }`.
export function BuildProgress({ server, jobId, options }) {
  const [job, setJob] = useState(null);
  const [lines, setLines] = useState(new Map()); // number -> text; a line that is replaced keeps its number
  const [trouble, setTrouble] = useState('connecting');

  useEffect(() => {
    let after = 0,
      epoch; // how far this page is: what a break or a late visit has missed is sent
    const clear = () => {
      after = 0;
      setLines(new Map());
    };
    const take = (data) => {
      after = data.seq;
      setJob((known) => ({ ...known, ...data }));
    };
    const socket = io(server, { path: '/ws', ...options });
    socket.on('connect', () => {
      socket.emit('subscribe:job', { jobId, after, epoch, batch: true }, (answer) => {
        if (!answer.ok) return setTrouble(answer.error.message);
        if (!(answer.complete || (answer.firstSeq && answer.epoch === epoch))) clear(); // another history
        epoch = answer.epoch;
        setJob(answer.job);
        setTrouble(null);
      });
    });
    socket.on('job:progress', take);
    socket.on('job:completed', take);
    socket.on('job:error', take);
    socket.on('job:logs', (data) => {
      after = data.seq;
      setLines((known) => new Map([...known, ...data.lines.map((line) => [line.line, line.message])]));
    });
    socket.on('disconnect', () => setTrouble('reconnecting'));
    socket.on('connect_error', (error) => setTrouble(error.message));
    return () => {
      socket.disconnect();
      setJob(null);
      clear();
    };
  }, [server, jobId, options]);

  const error = job?.error ?? (job?.status === 'failed' ? job : null);
  return (
    <section>
      <progress max="100" value={job?.progress ?? 0} />
      <output id="status">{trouble ?? job?.status ?? 'waiting'}</output>
      <p id="outcome">
        {error ? `failed: ${error.message} (${error.code})` : job?.durationMs && `took ${job.durationMs} ms`}
      </p>
      <ol id="log">
        {[...lines].map(([number, text]) => (
          <li key={number}>{text}</li>
        ))}
      </ol>
    </section>
  );
}
