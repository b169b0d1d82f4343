/** The program of a serving thread: the operator's API behind a listener that shares its port with other threads. */
import { parentPort, workerData } from 'node:worker_threads';

import { ConnectionBalance, listen } from '@holdfast/http/serving';

import { buildApp } from '../app.ts';
import { pooledRandomBytes } from '../pooled-random.ts';
import { plainError } from './serving-messages.ts';
import type { MessageFromThread, MessageToThread, ServingThreadData } from './serving-messages.ts';
import { ThreadContext } from './thread-context.ts';

const port = parentPort;
const { index, settings, connections } = workerData as ServingThreadData;
const thread = new ThreadContext({ index, settings, clock: Date.now, random: pooledRandomBytes(), post });
// Made before there is a world: what it takes to make it would otherwise delay the opening of the port.
const app = buildApp(thread.context, new ConnectionBalance(connections, index));
const ready = Promise.resolve(app.ready());
ready.catch(() => undefined); // `listen` fails with it

port?.on('message', (message: MessageToThread) => {
  if (thread.onMessage(message)) return;
  if (message.kind === 'listen') void open(message.host, message.port);
  else if (message.kind === 'stop') void stop();
});

async function open(host: string, servicePort: number): Promise<void> {
  try {
    await ready;
    post({ kind: 'listening', url: await listen(app, { host, port: servicePort, shared: true }) });
  } catch (error) {
    post({ kind: 'not-listening', error: plainError(error) });
  }
}

async function stop(): Promise<void> {
  await app.close(); // finishes the requests under way
  thread.flush();
  post({ kind: 'stopped' });
  port?.close();
}

function post(message: MessageFromThread): void {
  port?.postMessage(message);
}
