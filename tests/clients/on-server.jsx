// The documented component rendered without a browser: no connection is made, so that Node ends by itself.
import { renderToString } from 'react-dom/server';
import { Builds } from './Builds.jsx';

console.log(renderToString(<Builds server="http://127.0.0.1:9" projectId="web" jobId="job" />));
