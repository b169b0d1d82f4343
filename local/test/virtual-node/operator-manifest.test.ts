import { readBundle } from '@holdfast/deployment';
import { describe, expect, it } from 'vitest';

import { parseManifest, POLICY_ANNOTATION } from '../../src/virtual-node/manifest.ts';
import { createOperatorManifest, policyOfManifest, replacePolicy } from '../../src/virtual-node/operator-manifest.ts';

const POLICY = Buffer.from('package policy\n'.repeat(200)).toString('base64');
const manifest = createOperatorManifest(POLICY);

describe('createOperatorManifest', () => {
  it('has the containers, annotations, variables and ports of a published release', () => {
    const template = parseManifest(manifest);
    expect(template.name).toBe('operator-deployment');
    expect(template.annotations[POLICY_ANNOTATION]).toBe(POLICY);
    expect(template.containers.map(({ name, declaration }) => [name, declaration.command])).toEqual([
      ['skr', ['/skr.sh']],
      ['uid2-operator', undefined],
    ]);
    expect(template.containers[1]?.declaration.env).toEqual([
      { name: 'VAULT_NAME', value: 'VAULT_NAME_PLACEHOLDER' },
      { name: 'OPERATOR_KEY_SECRET_NAME', value: 'OPERATOR_KEY_SECRET_NAME_PLACEHOLDER' },
      { name: 'DEPLOYMENT_ENVIRONMENT', value: 'DEPLOYMENT_ENVIRONMENT_PLACEHOLDER' },
    ]);
    expect(template.containers[1]?.readinessProbe?.action).toMatchObject({ path: '/ops/healthcheck', port: 8080 });
  });

  it('is a release that the deployment can read', () => {
    expect(readBundle(Buffer.from(manifest))).toMatchObject({ deployments: 1, services: 1, others: [] });
  });

  it('keeps the policy on one line', () => {
    expect(manifest.split('\n').find((line) => line.includes(POLICY_ANNOTATION))).toContain(POLICY);
  });
});

describe('replacePolicy', () => {
  it('replaces the policy and keeps everything else, comments included, as a person left it', () => {
    const edited = manifest.replace('replicas: 3', 'replicas: 3 # as always');
    const changed = replacePolicy(edited, 'bmV3');
    expect(policyOfManifest(changed)).toBe('bmV3');
    expect(changed).toContain('replicas: 3 # as always');
    expect(parseManifest(replacePolicy(changed, POLICY))).toEqual(parseManifest(edited));
  });

  it('refuses what is no YAML', () => {
    expect(() => replacePolicy('a: [1', 'bmV3')).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }));
  });
});
