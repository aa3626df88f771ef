// The core in Vue, as a composable.
import { createApp, h, onScopeDispose, shallowRef } from 'vue';
import { watchJob } from './chef/client.js';

function followJob(server, jobId, options) {
  const state = shallowRef();
  const watch = watchJob(server, jobId, {
    ...options,
    onChange: (now) => {
      state.value = now;
    },
  });
  state.value = watch.state;
  onScopeDispose(() => watch.close());
  return state;
}

const { server, jobs, ...options } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const Build = {
  setup() {
    const state = followJob(server, jobs[0], options);
    return () => [
      h('pre', { id: 'log' }, state.value.lines.map((line) => `${line.message}\n`).join('')),
      h('footer', { id: 'connection' }, state.value.connection.state),
    ];
  },
};
createApp(Build).mount('#root');
