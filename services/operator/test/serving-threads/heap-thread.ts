/** Says how many MiB its young generation has, as the address at which a serving thread listens. */
import { getHeapSpaceStatistics } from 'node:v8';
import { parentPort } from 'node:worker_threads';

const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
const size = Math.round((young?.space_size ?? 0) / 2 ** 20);

parentPort?.on('message', ({ kind }: { kind: string }) => {
  if (kind === 'listen') parentPort?.postMessage({ kind: 'listening', url: `http://127.0.0.1:${size}` }, []);
  if (kind === 'stop') parentPort?.close();
});
