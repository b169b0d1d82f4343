/** The program of a thread that makes columns in shared memory of one salt file. What it throws ends it. */
import { Buffer } from 'node:buffer';
import { parentPort, workerData } from 'node:worker_threads';

import { MalformedError } from '@holdfast/base';
import { SaltFileParser } from '@holdfast/uid2/salts';

import type { MessageFromReading, SaltThreadData, PieceMessage } from './salt-messages.ts';

const port = parentPort;
const parser = new SaltFileParser((workerData as SaltThreadData).file);

port?.on('message', ({ memory, length, isLast }: PieceMessage) => {
  try {
    parser.push(Buffer.from(memory, 0, length)); // its `indexOf` is the faster one
    post({ kind: 'read', memory }, [memory]);
    if (!isLast) return;
    post({ kind: 'parsed', table: parser.finish().share() });
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    post({ kind: 'malformed', code: error.code, message: error.message, details: error.details });
  }
  port.close();
});

function post(message: MessageFromReading, handedOver: ArrayBuffer[] = []): void {
  port?.postMessage(message, handedOver);
}
