import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { startFakeOperator, temporaryFolder } from '@holdfast/local/testing';
import type { FakeOperator } from '@holdfast/local/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { capture } from './captured-io.ts';
import type { CapturedRun } from './captured-io.ts';

let operator: FakeOperator;

beforeAll(async () => {
  operator = await startFakeOperator();
});
afterAll(() => operator.stop());

function uid2(args: readonly string[], stdin?: string): Promise<CapturedRun> {
  const env = { UID2_BASE_URL: operator.url, UID2_API_KEY: operator.apiKey, UID2_CLIENT_SECRET: operator.secret };
  return capture(['uid2', ...args], stdin === undefined ? { env } : { env, stdin });
}

describe('holdfast uid2 token', () => {
  it('writes a token that uid2 decrypt reads back, from an argument or from standard input', async () => {
    const { exitCode, stdout, stderr } = await uid2(['token', '--email', 'a@example.com']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^[\w-]{218,219}\n$/);
    expect(stderr).toMatch(/^valid until /);
    const decrypted = await uid2(['decrypt', stdout.trim(), '--json']);
    expect(JSON.parse(decrypted.stdout)).toMatchObject({
      version: 1,
      token: { rawUid: operator.rawUidOf('a@example.com'), siteId: 3 },
    });
    const piped = await uid2(['decrypt'], stdout);
    expect(piped.stdout).toContain(`raw UID     ${operator.rawUidOf('a@example.com')}\n`);
  });

  it('ends with 1 for an identity that opted out', async () => {
    expect(await uid2(['token', '--email', 'optout@example.com'])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'this identity has opted out: there is no token for it\n',
    });
    const json = await uid2(['token', '--email', 'optout@example.com', '--json']);
    expect([json.exitCode, JSON.parse(json.stdout)]).toEqual([1, { version: 1, status: 'optout' }]);
  });

  it('wants exactly one identity', async () => {
    expect(await uid2(['token'])).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('[INPUT_MISSING]') });
    const two = await uid2(['token', '--email', 'a@example.com', '--phone', '+12345678901']);
    expect(two.stderr).toMatchInlineSnapshot(`
      "holdfast: 2 identities were given and a token is for exactly one. Give one of --email, --email-hash, --phone and --phone-hash. [INPUT_MISSING]
      "
    `);
  });
});

describe('holdfast uid2 map', () => {
  it('writes one line per identity, in order', async () => {
    const { exitCode, stdout } = await uid2(['map', 'a@example.com', 'nonsense', 'optout@example.com']);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')).toEqual([
      `a@example.com\t${operator.rawUidOf('a@example.com')}`,
      'nonsense\terror: invalid identifier',
      'optout@example.com\terror: optout',
      '',
    ]);
  });

  it('reads identities from standard input, a line each', async () => {
    const { stdout } = await uid2(['map', '--as', 'phone', '--json'], '+12345678901\r\n\n+12345678902\n');
    const { mapped } = JSON.parse(stdout) as { mapped: { input: string }[] };
    expect(mapped.map(({ input }) => input)).toEqual(['+12345678901', '+12345678902']);
  });

  it('asks for many identities in several requests', async () => {
    const inputs = Array.from({ length: 5001 }, (_, index) => `user${index}@example.com`);
    const { stdout } = await uid2(['map'], inputs.join('\n'));
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(5001);
    expect(lines.at(-1)).toBe(`user5000@example.com\t${operator.rawUidOf('user5000@example.com')}`);
  });

  it('does not wait for a terminal', async () => {
    expect((await uid2(['map'])).stderr).toMatchInlineSnapshot(`
      "holdfast: identities are missing. Give the input as an argument, or pipe it into standard input. [INPUT_MISSING]
      "
    `);
  });
});

describe('the connection of uid2 commands', () => {
  it('takes address and credentials from the home folder of a running cloud', async () => {
    await using folder = await temporaryFolder();
    const { apiKey, secret } = operator;
    const client = { name: 'Demo', siteId: 3, roles: [], apiKey, secret };
    const credentials = {
      version: 1,
      client,
      clients: [],
      operatorKey: 'o',
      publicOperatorKey: 'p',
      optoutServiceKey: 's',
    };
    await writeFile(join(folder.path, 'credentials.json'), JSON.stringify(credentials));
    await writeFile(join(folder.path, 'ready.json'), JSON.stringify({ operator: { url: operator.url } }));
    const { exitCode, stdout } = await capture(['uid2', 'map', 'a@example.com', '--home', '.'], { cwd: folder.path });
    expect([exitCode, stdout]).toEqual([0, `a@example.com\t${operator.rawUidOf('a@example.com')}\n`]);
  });

  it('says where it looked when there are no credentials', async () => {
    const { exitCode, stdout } = await capture(['uid2', 'map', 'x', '--json']);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([1, { error: { code: 'CREDENTIALS_UNREADABLE' } }]);
  });

  it('refuses half of a pair of credentials and addresses that are none', async () => {
    const half = await capture(['uid2', 'map', 'x'], { env: { UID2_API_KEY: 'k' } });
    expect(half.stderr).toMatchInlineSnapshot(`
      "holdfast: UID2_CLIENT_SECRET is not set although the other one is. Set both UID2_API_KEY and UID2_CLIENT_SECRET, or neither to use the local cloud. [UID2_CONNECTION_INCOMPLETE]
      "
    `);
    expect((await uid2(['map', 'x', '--operator', 'localhost:8080'])).stderr).toContain('[UID2_ADDRESS_INVALID]');
  });

  it('passes on what the operator says about a wrong key, and never the key', async () => {
    const env = { UID2_BASE_URL: operator.url, UID2_API_KEY: 'canary-key', UID2_CLIENT_SECRET: operator.secret };
    const { exitCode, stdout, stderr } = await capture(['uid2', 'map', 'a@example.com'], { env });
    expect(exitCode).toBe(1);
    expect(stderr).toMatchInlineSnapshot(`
      "holdfast: /v3/identity/map answered 401: unauthorized. Check the API key, and that its roles allow this request. [UID2_REQUEST_REFUSED]
      "
    `);
    expect(stdout + stderr).not.toContain('canary-key');
    expect(stdout + stderr).not.toContain(operator.secret);
  });
});
