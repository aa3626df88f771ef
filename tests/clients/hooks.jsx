// The page around the documented component: what it shows comes in the address. With React 18 and 19.
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { io } from 'socket.io-client';
import { Builds } from './Builds.jsx';

const { jobs, overSocket, ...options } = JSON.parse(decodeURIComponent(location.hash.slice(1)));

function App() {
  const [jobId, setJobId] = useState(jobs[0]);
  const given = {
    ...options,
    ...(overSocket && { io }),
    ...(options.token && { token: () => options.token }),
  };
  return (
    <main>
      {[...jobs, ''].map((name) => (
        <button key={name} type="button" onClick={() => setJobId(name)}>
          {name || 'leave'}
        </button>
      ))}
      <Builds jobId={jobId} {...given} />
    </main>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
