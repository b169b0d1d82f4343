import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePortBase, RunningCommand, runHoldfast, waitFor } from '../src/index.ts';

const hasRedis = process.env['HOLDFAST_REDIS_SERVER'] !== undefined;
const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

/** The commands of the guide, one after the other, on the running sample. */
describe.skipIf(!hasRedis || !hasKubectl)('a pod on its way from pod identity to workload identity', () => {
  let folder = '';
  let home = '';
  let url = '';
  let sample: RunningCommand;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-migration-'));
    home = join(folder, 'home');
    const portBase = await freePortBase(11);
    sample = new RunningCommand(['sample', 'vote', '--home', home, '--port-base', String(portBase)]);
    await sample.prints('Ctrl-C stops everything', 200_000);
    url = /Vote at (\S+)\./.exec(sample.output)?.[1] ?? '';
  });
  afterAll(async () => {
    await sample.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const cluster = ['--cluster-name', 'pod-identity', '--resource-group', 'pod-identity', '--target', 'local'];
  const identity = (verb: string, ...more: readonly string[]) =>
    runHoldfast(['identity', verb, ...cluster, '--home', home, ...more]);
  const kubectl = (...args: readonly string[]): string => {
    const ended = spawnSync('kubectl', ['--kubeconfig', join(home, 'kubeconfig'), ...args], { encoding: 'utf8' });
    if (ended.status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ended.stderr}`);
    return ended.stdout;
  };
  const rolledOut = (): void => void kubectl('rollout', 'status', 'deployment/azure-vote', '--timeout=180s');
  /** A connection to a pod that has gone is an error for the client, and not for the story: then it is asked again. */
  const ask = async (vote?: string): Promise<string> => {
    let text: string | undefined;
    await waitFor(
      async () => {
        const form = vote === undefined ? {} : { method: 'POST', body: new URLSearchParams({ vote }) };
        text = await fetch(url, form).then(
          async (answer) => (answer.ok ? answer.text() : undefined),
          () => undefined,
        );
        return text !== undefined;
      },
      60_000,
      () => `nobody answers at ${url}`,
    );
    return / (Cats - \d+ \| Dogs - \d+) /.exec(text ?? '')?.[1] ?? '';
  };
  const podSpec = (path: string): string =>
    kubectl('get', 'pod', '-l', 'app=azure-vote', '-o', `jsonpath={.items[*].${path}}`);

  it('has its identity from the add-on at first', async () => {
    expect(kubectl('get', 'AzureIdentity,AzureIdentityBinding', '-n', 'default')).toMatch(/azure-vote-binding/);
    expect((await identity('list')).stdout).toContain('default/azure-vote  selector azure-vote');
    for (const vote of ['Cats', 'Dogs', 'Cats']) await ask(vote);
    expect(await ask()).toBe('Cats - 2 | Dogs - 1');
  });

  it('is found, and what takes it along is written', async () => {
    const out = join(folder, 'migrated');
    const detected = await identity('detect', '--path', 'native', '--federate', '--out', out);
    expect([detected.code, detected.stdout]).toEqual([2, expect.stringContaining('Deployment default/azure-vote')]);
    expect(readdirSync(out).toSorted()).toEqual([
      'azure-vote-federated-credential.json',
      'azure-vote-secretproviderclass.yaml',
      'azure-vote-serviceaccount.yaml',
      'azure-vote-verified.yaml',
      'azure-vote.yaml',
    ]);
  });

  it('keeps its votes on the way, and then has nothing of pod identity', async () => {
    const file = (name: string): string => join(folder, 'migrated', `azure-vote${name}.yaml`);
    kubectl('apply', '-f', file('-serviceaccount'), '-f', file('-secretproviderclass'));
    kubectl('apply', '-f', file(''));
    rolledOut();
    expect(podSpec('spec.serviceAccountName')).toBe('azure-vote');
    expect(await ask()).toBe('Cats - 2 | Dogs - 1');
    kubectl('apply', '-f', file('-verified'));
    rolledOut();
    expect(podSpec('metadata.labels')).not.toContain('aadpodidbinding');
    const deleted = await identity('delete', '--namespace', 'default', '--name', 'azure-vote');
    expect([deleted.code, deleted.stderr]).toEqual([0, '']);
    kubectl('delete', 'pod', '-l', 'app=azure-vote');
    rolledOut();
    expect(podSpec('spec.volumes[?(@.name=="secrets")].csi.volumeAttributes.secretProviderClass')).toBe(
      'azure-vote-workload-identity',
    );
    expect(await ask()).toBe('Cats - 2 | Dogs - 1');
    expect((await identity('detect')).code).toBe(0);
  });
});
