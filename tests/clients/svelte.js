import { mount } from 'svelte';
import Build from './Build.svelte';

mount(Build, { target: document.getElementById('root') });
