import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  CLOUD_PORTS,
  editStore,
  failedUp,
  freePortBase,
  HoldfastProcess,
  isRunning,
  openCloudPorts,
  processesOf,
  runHoldfast,
} from '../src/index.ts';
import type { ReadyFile } from '../src/index.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/kata-cc.yaml', import.meta.url));

/** One cloud from its first start to a refused one; the tests are its chapters. Details are in testing/e2e. */
describe('the story of a local cloud', { timeout: 180_000 }, () => {
  let folder: string;
  let home: string;
  let portBase: number;
  let up: HoldfastProcess;
  let ready: ReadyFile;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-story-'));
    home = join(folder, 'home');
    portBase = await freePortBase(CLOUD_PORTS);
    up = new HoldfastProcess({ home, portBase, args: ['--salts', '2000'] });
    ready = await up.ready(170_000);
  }, 180_000);

  afterAll(async () => {
    await up.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('comes up from nothing, with an attested operator', async () => {
    const status = (await (await fetch(`${ready.operator.url}/ops/status`)).json()) as object;
    expect(status).toMatchObject({ ready: true, policyDigest: ready.enclaveId, attestation: { attested: true } });
  });

  it('a client gets a token, and reads it back', async () => {
    const uid2 = async (...args: readonly string[]): Promise<unknown> => {
      const where = ['--home', home, '--operator', ready.operator.url, '--json'];
      const { code, stdout, stderr } = await runHoldfast(['uid2', ...args, ...where]);
      expect([code, stderr]).toEqual([0, expect.any(String)]);
      return JSON.parse(stdout);
    };
    const made = (await uid2('token', '--email', 'user@example.com')) as { identity: { advertisingToken: string } };
    const read = await uid2('decrypt', made.identity.advertisingToken);
    expect(read).toMatchObject({ token: { siteId: ready.client.siteId, tokenVersion: 4 } });
  });

  it('acceptance 1, 18: a configuration is applied, found unchanged, and removed', async () => {
    const run = async (...command: readonly string[]): Promise<string> => {
      const where = ['-f', EXAMPLE, '--target', 'local', '--home', home];
      const { code, stdout, stderr } = await runHoldfast([...command, ...where]);
      expect([code, stderr]).toEqual([0, expect.any(String)]);
      return stdout;
    };
    await run('apply', '--yes');
    expect(await run('plan')).toContain('Nothing changes.');
    await run('destroy', '--yes', '--no-keep-vault');
  });

  it('Ctrl-C ends it, and leaves no process and no listening port', async () => {
    const processes = await processesOf(ready);
    expect(processes.every(isRunning)).toBe(true);
    expect(processes.length).toBeGreaterThanOrEqual(5);
    expect(await up.stop()).toBe(0);
    expect([processes.filter(isRunning), await openCloudPorts(portBase)]).toEqual([[], []]);
  });

  it('Core refuses an operator whose enclave id is no longer registered', async () => {
    await up.stop(); // nothing new after the chapter before, unless that failed
    editStore(home, 'enclaves', () => []);
    const args = ['--only', 'azure,attestation,core,operator'];
    const { code, error } = await failedUp({ home, portBase, args });
    expect([code, error.code]).toEqual([1, 'OPERATOR_EXITED']);
    expect(error.message).toContain('The enclave identifier is unknown');
  });
});
