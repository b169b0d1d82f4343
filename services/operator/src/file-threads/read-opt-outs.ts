/** The program of a thread that puts one opt-out file in order, in the shared memory in which it lies. */
import { parentPort, workerData } from 'node:worker_threads';

import { takeOverOptOutFile } from '@holdfast/uid2/optouts';

import type { OptOutThreadData } from './opt-out-reading.ts';

parentPort?.postMessage(takeOverOptOutFile((workerData as OptOutThreadData).bytes), []);
