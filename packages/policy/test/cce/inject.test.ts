import { describe, expect, it } from 'vitest';

import {
  armPolicies,
  cceAnnotation,
  generateCce,
  injectArmPolicies,
  injectVirtualNodePolicies,
  virtualNodePolicies,
} from '../../src/cce/index.ts';
import { plainImages } from './support.ts';

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

const template = (policy: string) => `{
    "resources": [ // two groups
        { "type": "Microsoft.ContainerInstance/containerGroups", "name": "a", "properties": {
            "ConfidentialComputeProperties": { "ccePolicy": ${policy} },
            "containers": [] } },
        { "type": "x/y" },
        { "type": "Microsoft.ContainerInstance/containerGroups", "name": "b", "properties": { "containers": [] } }
    ]
}
`;

describe('injectArmPolicies', () => {
  it('puts each policy into its group and keeps every other byte', () => {
    const injected = injectArmPolicies(template('""'), ['QQ==', 'Qg==']);
    expect(injected).toBe(
      template('"QQ=="').replace(
        '"b", "properties": { "containers": [] }',
        '"b", "properties": { "containers": [], "confidentialComputeProperties": {"ccePolicy": "Qg=="} }',
      ),
    );
    expect(armPolicies(injected)).toEqual([
      { name: 'a', base64: 'QQ==' },
      { name: 'b', base64: 'Qg==' },
    ]);
  });

  it('overwrites a policy only when asked to', () => {
    expect(() => injectArmPolicies(template('"eA=="'), ['QQ==', 'Qg=='])).toThrow(code('CCE_POLICY_EXISTS'));
    expect(injectArmPolicies(template('"eA=="'), ['QQ==', 'Qg=='], { overwrite: true })).toContain(
      '"ccePolicy": "QQ=="',
    );
  });

  it('refuses another number of policies than of groups', () => {
    expect(() => injectArmPolicies(template('""'), ['QQ=='])).toThrow(code('CCE_OPTION_INVALID'));
  });
});

describe('injectVirtualNodePolicies', () => {
  const manifests = `# first
apiVersion: v1
kind: ConfigMap
metadata: {name: m}
---
kind: Deployment
metadata:
  name: d
  annotations: {keep: me}
spec:
  template:
    metadata:
      labels: {a: b} # label
    spec:
      containers:
      - {name: c, image: i}
`;

  it('annotates the pod template with the policy made for it, whose measurement comes back', async () => {
    const [policy] = await generateCce({ kind: 'virtual-node', manifests }, plainImages());
    const base64 = policy?.base64 ?? '';
    const injected = injectVirtualNodePolicies(manifests, [base64]);
    expect(injected).toBe(
      manifests.replace('      labels:', `      annotations:\n        ${cceAnnotation}: ${base64}\n      labels:`),
    );
    expect(virtualNodePolicies(injected)).toEqual([{ name: 'd', base64 }]);
    const [again] = await generateCce({ kind: 'virtual-node', manifests: injected }, plainImages());
    expect(again?.sha256).toBe(policy?.sha256);
  });

  it('overwrites a policy only when asked to', () => {
    const once = injectVirtualNodePolicies(manifests, ['QQ==']);
    expect(() => injectVirtualNodePolicies(once, ['Qg=='])).toThrow(code('CCE_POLICY_EXISTS'));
    expect(injectVirtualNodePolicies(once, ['Qg=='], { overwrite: true })).toBe(once.replace('QQ==', 'Qg=='));
  });
});
