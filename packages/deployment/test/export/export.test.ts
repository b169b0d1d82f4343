import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { allProblems, egressHosts, exportDeployment, quantities, readConfig, resolveOffline } from '../../src/index.ts';
import { configOf, resolved } from '../configs.ts';

const folder = join(import.meta.dirname, '../../../../examples');
const examples = readdirSync(folder).filter((name) =>
  ['uid2-aks.yaml', 'kata-cc.yaml', 'peer-pods.yaml', 'private-link.yaml'].includes(name),
);

it('there is an example for each profile', () => {
  expect(examples).toHaveLength(4);
});

describe.each(examples)('examples/%s', (name) => {
  const read = readConfig(readFileSync(join(folder, name), 'utf8'));

  it('is right', () => {
    expect(allProblems(read)).toEqual([]);
  });

  it('is exported, the same each time, with JSON that can be read', () => {
    if (read.config === undefined) throw new Error('no configuration');
    const { resolved: known, problems } = resolveOffline(read.config, read.lineOf);
    expect(problems).toEqual([]);
    if (known === undefined) throw new Error('not resolved');
    const { files, deployments } = exportDeployment(read.config, known);
    expect([...files]).toEqual([...exportDeployment(read.config, known).files]);
    expect(deployments.length).toBeGreaterThan(2);
    for (const [path, text] of files) {
      expect(text.endsWith('\n')).toBe(true);
      if (path.endsWith('.json')) expect(JSON.parse(text)).toHaveProperty('contentVersion', '1.0.0.0');
    }
    const instructions = files.get('DEPLOY.md') ?? '';
    for (const path of files.keys()) if (path !== 'DEPLOY.md') expect(instructions).toContain(path);
  });
});

it('what Azure would have to be asked is a problem with a line', () => {
  const read = readConfig('profile: uid2-vn2\naks:\n  kubernetesVersion: auto\n');
  if (read.config === undefined) throw new Error('no configuration');
  const { resolved: known, problems } = resolveOffline(read.config, read.lineOf);
  expect(known).toBeUndefined();
  expect(problems.map(({ path, line }) => [path.join('.'), line])).toEqual([
    ['subscriptionId', 1],
    ['aks.kubernetesVersion', 3],
  ]);
});

it('no template or manifest holds the value of a secret', () => {
  const { files } = exportDeployment(configOf('uid2-vn2'), resolved);
  const template = JSON.parse(files.get('arm/s6.json') ?? '{}') as {
    parameters: Record<string, { type: string; defaultValue?: unknown }>;
  };
  expect(template.parameters['operatorKey']).toEqual({
    type: 'securestring',
    metadata: { description: expect.any(String) as unknown },
  });
});

it('merged resources are commands, not templates', () => {
  const { files } = exportDeployment(configOf('peer-pods', 'network: {peerPods: {mode: workerSubnet}}\n'), resolved);
  expect(files.get('DEPLOY.md')).toMatch(
    /az network vnet subnet update --ids \S+\/subnets\/worker --nat-gateway \S+peer-pods-nat/,
  );
});

it('the firewall list follows the environment', () => {
  const hosts = (environment: string): readonly string[] =>
    egressHosts(configOf('uid2-vn2', `operator: {environment: ${environment}}\n`)).map(({ host }) => host);
  expect(hosts('integ')).toContain('core-integ.uidapi.com');
  expect(hosts('prod')).toContain('uid2-core-prod-store-replica.s3.us-west-2.amazonaws.com');
  expect(hosts('prod')).not.toContain('core-integ.uidapi.com');
  expect(hosts('prod')).toContain('my-vn-aks-vault.vault.azure.net');
});

it('quantities follow replicas and nodes', () => {
  const text = JSON.stringify(quantities(configOf('uid2-vn2')));
  expect(text).toContain('2 to 5 machines');
  expect(text).toContain('18.3 vCPU, 73.5 GiB');
});
