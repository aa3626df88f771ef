const socket = io('http://localhost:3001', { path: '/ws' });
socket.on('connect', () => socket.emit('subscribe:job', jobId));
socket.on('job:progress', (data) => { setProgress(data.progress); setStatus(data.status); });
socket.on('job:log', (log) => setLogs(prev => [...prev, log]));
socket.on('job:completed', (result) => finish(result));
socket.on('job:error', (error) => fail(error));
