/** The entry of a serving thread: nothing but its program may be loaded before the compiled sources are found. */
import { workerData } from 'node:worker_threads';

import { keepCompiledSources } from '../compile-cache.ts';
import type { ServingThreadData } from './serving-messages.ts';

keepCompiledSources((workerData as ServingThreadData).compiledSources);
await import('./serve.ts');
