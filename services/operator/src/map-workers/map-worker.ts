/** The entry of a map worker: nothing but its program may be loaded before the compiled sources are found. */
import { workerData } from 'node:worker_threads';

import { keepCompiledSources } from '../compile-cache.ts';
import type { MapWorkerData } from './map-messages.ts';

keepCompiledSources((workerData as MapWorkerData).compiledSources);
await import('./map.ts');
