/** The entry of a map worker: nothing but its program may be loaded before the compiled sources are found. */
import { workerData } from 'node:worker_threads';

import { keepCompiledSources } from '../threads/compile-cache.ts';
import type { CompiledSources } from '../threads/compile-cache.ts';

keepCompiledSources(workerData as CompiledSources);
await import('./map.ts');
