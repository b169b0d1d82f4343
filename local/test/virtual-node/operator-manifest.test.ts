import { describe, expect, it } from 'vitest';

import { IDENTITY_ANNOTATION, parseManifest, POLICY_ANNOTATION } from '../../src/virtual-node/manifest.ts';
import {
  createOperatorManifest,
  policyOfManifest,
  updateOperatorManifest,
} from '../../src/virtual-node/operator-manifest.ts';
import type { OperatorEndpoints } from '../../src/virtual-node/operator-manifest.ts';

function endpoints(base: number): OperatorEndpoints {
  return {
    operatorPort: base,
    metricsPort: base + 1,
    sidecarPort: base + 8,
    coreUrl: `http://127.0.0.1:${base + 2}`,
    optoutUrl: `http://127.0.0.1:${base + 3}`,
    attestationUrl: `https://127.0.0.1:${base + 4}`,
    vaultUrl: `https://127.0.0.1:${base + 6}`,
  };
}

const POLICY = Buffer.from('package policy\n'.repeat(200)).toString('base64');
const manifest = createOperatorManifest({
  endpoints: endpoints(20_000),
  vaultName: 'vault',
  operatorKeySecretName: 'operator-key',
  identity: '/subscriptions/s/identity',
  policy: POLICY,
});

function variables(text: string, container: number): Record<string, string> {
  const env = parseManifest(text).containers[container]?.declaration.env ?? [];
  return Object.fromEntries(env.map(({ name, value }) => [name, value ?? '']));
}

describe('createOperatorManifest', () => {
  it('has the containers, annotations and order of the published artefact', () => {
    const template = parseManifest(manifest);
    expect(template.name).toBe('operator-deployment');
    expect(template.annotations[POLICY_ANNOTATION]).toBe(POLICY);
    expect(template.annotations[IDENTITY_ANNOTATION]).toBe('/subscriptions/s/identity');
    expect(template.containers.map(({ name, declaration }) => [name, declaration.command])).toEqual([
      ['skr', ['/skr.sh']],
      ['uid2-operator', undefined],
    ]);
    expect(template.containers[1]?.declaration.env?.slice(0, 3).map(({ name }) => name)).toEqual([
      'VAULT_NAME',
      'OPERATOR_KEY_SECRET_NAME',
      'DEPLOYMENT_ENVIRONMENT',
    ]);
    expect(template.containers[1]?.readinessProbe?.action).toMatchObject({
      path: '/ops/healthcheck',
      port: 20_000,
    });
  });

  it('keeps the policy on one line', () => {
    expect(manifest.split('\n').find((line) => line.includes(POLICY_ANNOTATION))).toContain(POLICY);
  });
});

describe('updateOperatorManifest', () => {
  it('moves every address and changes nothing when the addresses are the same', () => {
    const moved = updateOperatorManifest(manifest, { endpoints: endpoints(30_000) });
    expect(moved).not.toContain('2000');
    expect(variables(moved, 0)).toEqual({ Port: '30008' });
    expect(variables(moved, 1)).toMatchObject({
      http_port: '30000',
      metrics_port: '30001',
      CORE_BASE_URL: 'http://127.0.0.1:30002',
      OPTOUT_BASE_URL: 'http://127.0.0.1:30003',
      maa_server_base_url: 'https://127.0.0.1:30004',
      azure_vault_url: 'https://127.0.0.1:30006',
      attestation_sidecar_url: 'http://127.0.0.1:30008',
    });
    expect(parseManifest(moved).containers[1]?.readinessProbe?.action).toMatchObject({ port: 30_000 });
    expect(updateOperatorManifest(moved, { endpoints: endpoints(20_000) })).toBe(manifest);
    expect(updateOperatorManifest(manifest, { endpoints: endpoints(20_000) })).toBe(manifest);
  });

  it('keeps comments, a changed policy and removed variables as a person left them', () => {
    const edited = manifest
      .replace(POLICY, `${POLICY.slice(0, -4)}AAAA`)
      .replace('replicas: 1', 'replicas: 1 # one is enough')
      .replace(/ +- name: OPTOUT_BASE_URL\n +value: .*\n/, '');
    const moved = updateOperatorManifest(edited, { endpoints: endpoints(30_000) });
    expect(parseManifest(moved).annotations[POLICY_ANNOTATION]).toBe(`${POLICY.slice(0, -4)}AAAA`);
    expect(moved).toContain('replicas: 1 # one is enough');
    expect(variables(moved, 1)).not.toHaveProperty('OPTOUT_BASE_URL');
  });

  it('replaces the policy when it is given one, and nothing else', () => {
    const changed = updateOperatorManifest(manifest, { endpoints: endpoints(20_000), policy: 'bmV3' });
    expect(policyOfManifest(changed)).toBe('bmV3');
    expect(changed.replace('bmV3', POLICY)).toBe(manifest);
  });

  it('refuses what is no YAML', () => {
    expect(() => updateOperatorManifest('a: [1', { endpoints: endpoints(1) })).toThrow(
      expect.objectContaining({ code: 'MANIFEST_INVALID' }),
    );
  });
});
