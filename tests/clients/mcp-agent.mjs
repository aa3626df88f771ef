// An agent with the official client: finds why the newest build failed, and prints each step as JSON.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [address, token] = process.argv.slice(2);
const headers = token ? { Authorization: `Bearer ${token}` } : {};
const client = new Client({ name: 'tests', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(new URL(address), { requestInit: { headers } }));

const call = (name, args) => client.callTool({ name, arguments: args });
const { tools } = await client.listTools();
const found = await call('find_jobs', { status: 'failed', limit: 1 });
const [job] = found.structuredContent.jobs;
const digest = await call('get_digest', { job: job.jobId, budget: 2000 });
const refused = await call('get_digest', { job: 'none' });
console.log(
  JSON.stringify({
    tools: tools.map((tool) => tool.name),
    job: job.jobId,
    digest: digest.content[0].text,
    refused: refused.isError,
  }),
);
await client.close();
