import { createServer } from 'node:net';

import { describe, expect, it } from 'vitest';

import { localPorts, requireFreePorts } from '../../src/up/ports.ts';
import { freePortBase } from '../../testing/free-port-base.ts';

describe('localPorts', () => {
  it('gives the documented ports', () => {
    expect(localPorts(undefined)).toMatchObject({ operator: 8080, metrics: 9080, core: 8088, optout: 8081 });
  });

  it('puts all ports in a row behind a base', () => {
    const ports = localPorts(20_000);
    expect([ports.operator, ports.metrics, ports.core, ports.optout, ports.sidecar]).toEqual([
      20_000, 20_001, 20_002, 20_003, 20_008,
    ]);
    expect(new Set(Object.values(ports)).size).toBe(11);
  });

  it.each([0, -1, 65_526, 1.5, Number.NaN])('refuses %d as a base', (base) => {
    expect(() => localPorts(base)).toThrow(expect.objectContaining({ code: 'PORT_BASE_INVALID' }));
  });
});

describe('requireFreePorts', () => {
  it('names the port that is taken and what it is for', async () => {
    const base = await freePortBase(11);
    const ports = localPorts(base);
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(ports.core, '127.0.0.1', resolve);
    });
    await expect(requireFreePorts(ports, ['operator', 'core'])).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: `port ${ports.core}, meant for core, is already in use`,
    });
    await expect(requireFreePorts(ports, ['operator', 'optout'])).resolves.toBeUndefined();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
});
