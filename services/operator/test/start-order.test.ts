import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

import { createLogger } from '@holdfast/process';
import { describe, expect, it } from 'vitest';

import { startOperatorWith } from '../src/main.ts';

const run = promisify(execFile);
const MAIN = new URL('../src/main.ts', import.meta.url).href;

/** Says which modules of others a module loads, by the names of their packages. */
const SCRIPT = `
  import module from 'node:module';
  const urls = [];
  module.registerHooks({ load(url, context, next) { urls.push(url); return next(url, context); } });
  await import(${JSON.stringify(MAIN)});
  const names = urls.map((url) => /\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1]).filter(Boolean);
  console.log(JSON.stringify({ count: urls.length, packages: [...new Set(names)].sort() }));
`;

describe('main', () => {
  it('loads little before the serving threads begin, so that they load beside the rest of it', async () => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', SCRIPT]);
    const { packages } = JSON.parse(stdout) as { readonly packages: readonly string[] };
    expect(packages).toContain('zod');
    for (const later of ['fastify', 'undici', 'prom-client', 'tldts']) expect(packages).not.toContain(later);
  });

  it.skipIf(process.platform !== 'linux')('leaves no thread running when the metrics port is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const start = startOperatorWith({
      env: {
        http_host: '127.0.0.1',
        http_port: '0',
        metrics_port: String((taken.address() as AddressInfo).port),
        service_instances: '2',
        core_attest_url: 'http://127.0.0.1:1/attest',
        core_api_token: 'UID2-O-L-42-key',
      },
      configFile: undefined,
      logger: createLogger({ name: 'operator', level: 'silent' }),
      fail: () => undefined,
    });
    await expect(start).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
    expect(servingThreads()).toBe(0);
    await new Promise((resolve) => taken.close(resolve));
  });
});

/** Threads of this process that serve, by the names that the system has for them. */
function servingThreads(): number {
  const names = readdirSync('/proc/self/task').map((id) => readFileSync(`/proc/self/task/${id}/comm`, 'utf8'));
  return names.filter((name) => name.startsWith('serving-')).length;
}
