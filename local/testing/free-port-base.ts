import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server } from 'node:net';

/** Below the ports that systems give to outgoing connections. */
const FIRST = 20_000;
const LAST = 32_000;
/** Ports are given out in slots; the last port of a slot is its claim. */
const SLOT = 16;
const MOST = SLOT - 1;
const HOST = '127.0.0.1';

/** Claims last as long as this process. */
const claims: Server[] = [];

/**
 * The first of at most fifteen ports in a row that are free on loopback now, and that no other test gets as long as this process
 * runs: their slot is claimed by a listener on its last port, so two test files never meet, not even between looking for
 * ports and listening on them.
 */
export async function freePortBase(count: number): Promise<number> {
  if (count > MOST) throw new RangeError(`at most ${MOST} ports in a row, not ${count}`);
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const base = FIRST + SLOT * randomInt(0, (LAST - FIRST) / SLOT);
    const claim = await listenOn(base + MOST);
    if (claim === undefined) continue;
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(base + index)));
    if (free.every(Boolean)) {
      claim.unref();
      claims.push(claim);
      return base;
    }
    claim.close();
  }
  throw new Error(`no ${count} ports in a row are free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = await listenOn(port);
  if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  return server !== undefined;
}

/** Undefined when the port is taken. Exclusive: workers of a cluster would share it. */
function listenOn(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: HOST, exclusive: true }, () => resolve(server));
  });
}
