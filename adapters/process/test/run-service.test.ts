import { PolicyError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { createLogger, runService } from '../src/index.ts';
import type { ServiceHost } from '../src/index.ts';

function harness() {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (line) => lines.push(JSON.parse(line)) } });
  const controller = new AbortController();
  let stops = 0;
  const run = (start: (host: ServiceHost) => void, stop: () => Promise<void> = async () => {}) =>
    runService({
      name: 'test',
      logger,
      env: {},
      stopSignal: controller.signal,
      stopDeadlineMs: 20,
      exitCodes: { TEST_REFUSED: 10 },
      start: async (host) => {
        start(host);
        return {
          addresses: { http: 'http://127.0.0.1:1' },
          stop: async () => {
            stops += 1;
            await stop();
          },
        };
      },
    });
  return { lines, controller, run, stopCount: () => stops };
}

describe('runService', () => {
  it('stops the service and answers 0 when asked to stop', async () => {
    const { run, controller, stopCount } = harness();
    const exit = run(() => queueMicrotask(() => controller.abort()));
    expect([await exit, stopCount()]).toEqual([0, 1]);
  });

  it('answers the exit code of a failure and ends the log with what to do', async () => {
    const { run, lines, stopCount } = harness();
    const exit = await run((host) => {
      host.fail(new PolicyError('TEST_REFUSED', 'refused', { action: 'Register the enclave.' }));
    });
    expect([exit, stopCount()]).toEqual([10, 1]);
    expect(lines.at(-1)).toMatchObject({
      level: 'fatal',
      code: 'TEST_REFUSED',
      action: 'Register the enclave.',
      exitCode: 10,
      msg: 'refused',
    });
  });

  it('answers 1 for a failure to start that is not typed', async () => {
    const { run, lines } = harness();
    const exit = await run(() => {
      throw new TypeError('defect');
    });
    expect(exit).toBe(1);
    expect(lines.at(-1)).toMatchObject({ level: 'fatal', code: 'INTERNAL', msg: 'defect' });
  });

  it('does not wait longer than the deadline for a stop that hangs', async () => {
    const { run, controller, lines } = harness();
    controller.abort();
    expect(
      await run(
        () => {},
        () => new Promise(() => {}),
      ),
    ).toBe(0);
    expect(lines.some((line) => String(line['msg']).startsWith('stop took too long'))).toBe(true);
  });
});

it('createLogger never writes members that hold secrets', () => {
  const written: string[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (line) => written.push(line) } });
  logger.info(
    { authorization: 'canary', headers: { authorization: 'canary' }, client: { secret: 'canary' }, token: 'canary' },
    'x',
  );
  expect(written.join('')).not.toContain('canary');
});
