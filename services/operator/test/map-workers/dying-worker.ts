/** A map worker that dies over requests that hold "die" and never starts for euid. */
import { Buffer } from 'node:buffer';
import { parentPort, workerData } from 'node:worker_threads';

import type { MapWorkerData, MessageToWorker } from '../../src/map-workers/map-messages.ts';

if ((workerData as MapWorkerData).settings.identityScope === 'euid') throw new Error('cannot start');

parentPort?.on('message', (message: MessageToWorker) => {
  if (message.kind !== 'request') return;
  if (Buffer.from(message.payload).includes('die')) process.exit(3); // ends the thread, not the process
});

await import('../../src/map-workers/map.ts');
