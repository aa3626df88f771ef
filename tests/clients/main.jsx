// The page around the component: what it shows comes in the address, so that one bundle serves all tests.
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { BuildProgress } from './BuildProgress.jsx';

const { server, jobs, options } = JSON.parse(decodeURIComponent(location.hash.slice(1)));

function App() {
  const [jobId, setJobId] = useState(jobs[0]);
  return (
    <main>
      {jobs.map((name) => (
        <button key={name} type="button" onClick={() => setJobId(name)}>
          {name}
        </button>
      ))}
      <button type="button" onClick={() => setJobId(null)}>
        leave
      </button>
      {jobId && <BuildProgress server={server} jobId={jobId} options={options} />}
    </main>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
