import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { manifests } from '../src/index.ts';

describe.each(['pod', 'workload'] as const)('the manifests for %s identity', (identity) => {
  const secrets = readFileSync(manifests[identity].secrets, 'utf8');
  const application = readFileSync(manifests[identity].application, 'utf8');

  it('have the names of the published article', () => {
    for (const words of ['name: azure-vote', 'namespace: default', 'keyvaultName: azure-vote', 'provider: azure']) {
      expect(secrets).toContain(words);
    }
    for (const words of [
      'app: azure-vote',
      'image: mcr.microsoft.com/azuredocs/azure-vote-front:v1',
      'minReadySeconds: 5',
      'type: LoadBalancer',
      'driver: secrets-store.csi.k8s.io',
      'secretProviderClass: azure-vote',
    ]) {
      expect(application).toContain(words);
    }
  });

  it('mount the volume although the program reads its environment only', () => {
    expect(application).toMatch(/volumeMounts:\n +- name: secrets/);
    expect(application.match(/secretKeyRef:\n +name: azure-vote/g)).toHaveLength(2);
  });

  it('say once who the pod is', () => {
    const isPod = identity === 'pod';
    expect(application.includes('aadpodidbinding: azure-vote')).toBe(isPod);
    expect(application.includes("azure.workload.identity/use: 'true'")).toBe(!isPod);
    expect(secrets.includes("usePodIdentity: 'true'")).toBe(isPod);
    expect(secrets.includes('clientID:')).toBe(!isPod);
    expect(secrets.includes('kind: ServiceAccount')).toBe(!isPod);
  });
});
