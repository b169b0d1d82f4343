import { describe, expect, it } from 'vitest';

import { machinePort } from '../../src/process/machine-port.ts';

describe('the port of a pod on this machine', () => {
  it.each([
    [80, 1024, 8080],
    [1023, 1024, 9023],
    [1024, 1024, 1024],
    [8080, 1024, 8080],
    [80, 80, 80],
    [80, 0, 80],
    [0, 1024, 0],
  ])('%i is, where ports may be opened from %i on, %i', (port, open, expected) => {
    expect(machinePort(port, open)).toBe(expected);
  });
});
