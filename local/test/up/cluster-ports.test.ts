import { createServer } from 'node:net';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ClusterPorts } from '../../src/up/cluster-ports.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

describe('ports of clusters', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let problems: unknown[];
  const open = (): ClusterPorts => new ClusterPorts(folder.path, (error) => problems.push(error));

  beforeEach(async () => {
    [folder, problems] = [await temporaryFolder(), []];
  });
  afterEach(async () => folder[Symbol.asyncDispose]());

  it('are the same at every start, and others for other clusters', async () => {
    const ports = open();
    const [first, second] = await Promise.all([ports.portOf('one'), ports.portOf('two')]);
    expect(first).not.toBe(second);
    const again = open();
    expect([await again.portOf('one'), await again.portOf('two')]).toEqual([first, second]);
    expect([await again.remembers('one'), await again.remembers('three')]).toEqual([true, false]);
    expect(problems).toEqual([]);
  });

  it('change when somebody else has taken one, which is said', async () => {
    const port = await open().portOf('one');
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    const next = await open().portOf('one');
    expect(next).not.toBe(port);
    expect(problems).toMatchObject([{ code: 'CLUSTER_PORT_TAKEN', details: { before: port, port: next } }]);
    await new Promise((resolve) => other.close(resolve));
    expect(await open().portOf('one')).toBe(next);
  });

  it('are free again when the cluster is forgotten', async () => {
    const ports = open();
    const port = await ports.portOf('one');
    await ports.forget('one');
    expect(await ports.remembers('one')).toBe(false);
    expect(await ports.portOf('one')).toBe(port);
  });
});
