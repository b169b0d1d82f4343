import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePortBase, HoldfastProcess, runHoldfast, waitFor } from '../src/index.ts';

const hasRedis = process.env['HOLDFAST_REDIS_SERVER'] !== undefined;
const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;
const EXAMPLE = fileURLToPath(new URL('../../examples/private-link.yaml', import.meta.url));

describe.skipIf(!hasRedis)('the profile private-link in a local cloud', () => {
  let folder = '';
  let home = '';
  let up: HoldfastProcess;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-private-link-'));
    home = join(folder, 'home');
    const args = ['--only', 'azure,attestation,core,optout', '--salts', '16'];
    up = new HoldfastProcess({ home, portBase: await freePortBase(11), args });
    await up.ready();
  });
  afterAll(async () => {
    await up.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const command = (...words: readonly string[]): Promise<string> => commandOn(EXAMPLE, ...words);
  const commandOn = async (file: string, ...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runHoldfast([...words, '-f', file, '--target', 'local', '--home', home]);
    if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
    return `${stdout}${stderr}`;
  };
  const kubectl = (...args: readonly string[]): string => {
    const ended = spawnSync('kubectl', ['--kubeconfig', join(home, 'kubeconfig'), ...args], { encoding: 'utf8' });
    expect([ended.status, ended.stderr]).toEqual([0, '']);
    return ended.stdout;
  };

  it('is applied up to its last stage, in which the page answers', async () => {
    expect(await command('apply', '--yes')).toMatch(/✔ S9/);
  });

  it.skipIf(!hasKubectl)('shows itself to the lines of the guide', async () => {
    const shown = kubectl('get', 'pod,svc', '-l', 'app=azure-vote');
    expect(shown).toMatch(/pod\/azure-vote-\S+ +1\/1 +Running/);
    const [, address = ''] = /service\/azure-vote +LoadBalancer +\S+ +(127\.\S+)/.exec(shown) ?? [];
    expect(kubectl('get', 'secret', 'azure-vote', '-o', 'jsonpath={.data.redis-key}')).not.toBe('');
    const vote = { method: 'POST', body: new URLSearchParams({ vote: 'Cats' }) };
    expect(await (await fetch(`http://${address}/`, vote)).text()).toContain('Cats - 1 | Dogs - 0');
    kubectl('delete', 'pod', '-l', 'app=azure-vote');
    kubectl('rollout', 'status', 'deployment/azure-vote', '--timeout=180s');
    await waitFor(
      async () => {
        // The connection to the old pod may have been kept; it ends with the pod.
        const text = await fetch(`http://${address}/`).then(
          async (answer) => answer.text(),
          () => '',
        );
        return text.includes('Cats - 1 | Dogs - 0');
      },
      60_000,
      () => 'the votes are not there again',
    );
  });

  it('speaks TLS to Redis with an image that can, while the port without it is closed', async () => {
    const file = join(folder, 'tls.yaml');
    const closed = readFileSync(EXAMPLE, 'utf8').replace(/nonSslPort: true.*/, 'nonSslPort: false');
    writeFileSync(file, closed.replace('app:\n', 'app:\n  image: holdfast.local/vote:0.1.0\n'));
    expect(await commandOn(file, 'apply', '--yes')).toMatch(/✔ S9/);
    await command('apply', '--yes');
  });

  it('is healthy, unchanged when it is planned again, and gone when it is destroyed', async () => {
    expect(await command('status')).toContain('healthy');
    expect(await command('plan')).toContain('Nothing changes.');
    await command('destroy', '--yes', '--no-keep-vault');
    const { code } = await runHoldfast(['status', '-f', EXAMPLE, '--target', 'local', '--home', home]);
    expect(code).toBe(9);
  });
});
