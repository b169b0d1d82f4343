import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../testing/chain-client.ts', import.meta.url));
const PRINCIPAL = {
  AZURE_TENANT_ID: '00000000-0000-0000-0000-000000000001',
  AZURE_CLIENT_ID: '00000000-0000-0000-0000-000000000002',
};
/** The managed identity is asked at a port where nobody listens, instead of at an address that may not answer. */
const NO_IDENTITY_ENDPOINT = { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:1' };

interface Outcome {
  readonly token?: string;
  readonly code?: string;
  readonly attempts?: readonly string[];
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-credentials-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function run(env: Record<string, string>, path = folder): Promise<Outcome> {
  const output = await new Promise<string>((resolve, reject) => {
    const options = { env: { PATH: [path, dirname(process.execPath)].join(delimiter), ...env } };
    execFile(process.execPath, [PROGRAM], options, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(error);
    });
  });
  return JSON.parse(output) as Outcome;
}

describe.concurrent('chainCredentials', () => {
  it('names every way with the reason why it does not work when none does', async () => {
    const { code, attempts } = await run({ ...NO_IDENTITY_ENDPOINT, AZURE_CLIENT_SECRET: 'canary' });
    expect(code).toBe('AZURE_CREDENTIAL_UNAVAILABLE');
    expect(attempts).toEqual([
      'client secret of the environment: AZURE_TENANT_ID and AZURE_CLIENT_ID are not both set',
      'client certificate of the environment: AZURE_CLIENT_CERTIFICATE_PATH is not set',
      'workload identity: AZURE_FEDERATED_TOKEN_FILE is not set',
      expect.stringMatching(/^managed identity: .+/),
      expect.stringMatching(/^Azure CLI: .*(?:Azure CLI|az)/),
    ]);
    expect(JSON.stringify(attempts)).not.toContain('canary');
  });

  it.skipIf(process.platform === 'win32')(
    'takes the signed-in user of the Azure CLI when nothing else is there',
    async () => {
      const path = await mkdtemp(join(folder, 'az-'));
      const answer = JSON.stringify({ accessToken: 'of-the-cli', expires_on: 4_102_444_800, tokenType: 'Bearer' });
      await writeFile(join(path, 'az'), `#!/bin/sh\ncat <<'END'\n${answer}\nEND\n`);
      await chmod(join(path, 'az'), 0o755);
      expect(await run(NO_IDENTITY_ENDPOINT, `${path}${delimiter}/usr/bin${delimiter}/bin`)).toEqual({
        token: 'of-the-cli',
      });
    },
  );

  it('ends at a configured identity that is refused, instead of taking another one', async () => {
    const { attempts } = await run({ ...PRINCIPAL, AZURE_FEDERATED_TOKEN_FILE: join(folder, 'nowhere') });
    expect(attempts).toHaveLength(3);
    expect(attempts?.[2]).toMatch(/^workload identity: .+/);
  });
});
