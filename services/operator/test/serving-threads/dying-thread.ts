/** A serving thread that ends as soon as it is told anything. */
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', () => process.exit(3));
