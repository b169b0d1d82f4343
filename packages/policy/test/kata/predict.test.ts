import { describe, it } from 'vitest';

import { createKataEnforcer } from '../../src/kata/evaluate/enforcer.ts';
import { applyJsonPatch } from '../../src/kata/json-patch.ts';
import type { KataPolicyData, KataProfile } from '../../src/kata/policy-data.ts';
import { parsePolicyData } from '../../src/kata/policy-document.ts';
import { type KataRuntimeNames, predictKataRequests, verifyKataPod } from '../../src/kata/predict.ts';
import { kataCases, vectorsMissing, vectorText } from './vectors.ts';

/** A pod name that fits any policy: the literal name, or one that a controller would make. */
function podNameOf(policy: KataPolicyData): string {
  const name = policy.containers[0]?.OCI.Annotations?.['io.kubernetes.cri.sandbox-name'] ?? 'web-bcdfg';
  return name
    .replace(/^\^|\$$/gu, '')
    .replaceAll('\\', '')
    .replace('$(generated-name)', 'made-bcdfg');
}

function namesFor(policy: KataPolicyData): KataRuntimeNames {
  const namespace = policy.containers[0]?.OCI.Annotations?.['io.kubernetes.cri.sandbox-namespace'] ?? '';
  return {
    podName: podNameOf(policy),
    namespace: namespace === '' ? 'default' : namespace,
    podUid: '01234567-89ab-cdef-0123-456789abcdef',
    podIp: '10.0.0.7',
    hostIp: '10.0.0.1',
    nodeName: 'node-1',
    sandboxId: 'b2'.repeat(32),
    bundleIds: policy.containers.map((_, index) => `${index}`.padStart(64, 'a')),
    extraVariables: ['KUBERNETES_SERVICE_HOST=10.0.0.1', 'KUBERNETES_PORT=tcp://10.0.0.1:443'],
  };
}

const policies: [string, KataPolicyData, KataProfile][] = [
  ...kataCases('kata-ms').flatMap((entry) =>
    entry.resources.map(({ policyData }): [string, KataPolicyData, KataProfile] => [
      policyData,
      parsePolicyData(vectorText(policyData)),
      'ms',
    ]),
  ),
  ...kataCases('kata-eval').map((entry): [string, KataPolicyData, KataProfile] => [
    entry.id,
    parsePolicyData(vectorText(entry.computed.policyData)),
    'upstream',
  ]),
];

describe.skipIf(vectorsMissing)('predictKataRequests makes requests that the same policy allows', () => {
  for (const [id, policy, profile] of policies) {
    it(`for ${id}`, ({ expect }) => {
      const decisions = verifyKataPod(createKataEnforcer(policy, profile), policy, profile, namesFor(policy));
      expect(decisions.filter(({ allowed }) => !allowed).map(({ message }) => message)).toEqual([]);
      expect(decisions.map(({ container }) => container)).toHaveLength(policy.containers.length);
    });
  }
});

/** Changes that no policy of the vectors may accept, and the predicate that must say so. */
const mutations: [string, KataProfile | 'both', string, unknown[]][] = [
  ['another OCI version', 'both', 'version', [{ op: 'replace', path: '/OCI/Version', value: '9' }]],
  ['a working directory', 'both', 'cwd', [{ op: 'replace', path: '/OCI/Process/Cwd', value: '/elsewhere' }]],
  ['a terminal', 'both', 'terminal', [{ op: 'replace', path: '/OCI/Process/Terminal', value: true }]],
  ['another argument', 'both', 'args', [{ op: 'add', path: '/OCI/Process/Args/-', value: 'x' }]],
  ['a variable', 'both', 'env', [{ op: 'add', path: '/OCI/Process/Env/-', value: 'LD_PRELOAD=/x.so' }]],
  [
    'a mount',
    'both',
    'mounts',
    [{ op: 'add', path: '/OCI/Mounts/-', value: { destination: '/x', source: '/', type_: 'bind', options: [] } }],
  ],
  [
    'a capability',
    'both',
    'capabilities',
    [{ op: 'add', path: '/OCI/Process/Capabilities/Ambient/-', value: 'CAP_BPF' }],
  ],
  [
    'a namespace',
    'both',
    'namespaces',
    [{ op: 'add', path: '/OCI/Linux/Namespaces/-', value: { Type: 'pid', Path: '' } }],
  ],
  ['an annotation', 'both', 'annotations', [{ op: 'add', path: '/OCI/Annotations/evil', value: '1' }]],
  [
    'a short sandbox id',
    'both',
    'sandbox-id',
    [{ op: 'replace', path: '/OCI/Annotations/io.kubernetes.cri.sandbox-id', value: 'b2' }],
  ],
  [
    'a storage',
    'both',
    'storages',
    [
      {
        op: 'add',
        path: '/storages/-',
        value: {
          driver: 'blk',
          driver_options: [],
          source: '',
          fstype: 'ext4',
          options: [],
          mount_point: '/x',
          fs_group: null,
          shared: false,
        },
      },
    ],
  ],
  ['a hook', 'both', 'input', [{ op: 'replace', path: '/OCI/Hooks', value: {} }]],
  ['another group', 'upstream', 'groups', [{ op: 'replace', path: '/OCI/Process/User/GID', value: 4242 }]],
  [
    'an additional group',
    'upstream',
    'groups',
    [{ op: 'add', path: '/OCI/Process/User/AdditionalGids/-', value: 4242 }],
  ],
  [
    'a kernel parameter',
    'upstream',
    'sysctls',
    [{ op: 'add', path: '/OCI/Linux/Sysctl/kernel.core_pattern', value: '|/x' }],
  ],
  [
    'a device',
    'upstream',
    'devices',
    [
      {
        op: 'add',
        path: '/devices/-',
        value: { id: '', type_: 'x', vm_path: '', container_path: '/dev/mem', options: [] },
      },
    ],
  ],
];

/** Enough policies to meet every kind of container: all upstream ones and some of the MS ones. */
const sample = policies.filter(([, , profile], at) => profile === 'upstream' || at % 6 === 0);

describe.skipIf(vectorsMissing)('createKataEnforcer refuses a predicted request with', () => {
  const prepared = sample.map(([id, policy, profile]) => ({
    id,
    policy,
    profile,
    enforcer: createKataEnforcer(policy, profile),
  }));
  for (const [what, where, predicate, patch] of mutations) {
    it(`${what}, because of ${predicate}`, ({ expect }) => {
      for (const { id, policy, profile, enforcer } of prepared.filter(
        (one) => where === 'both' || one.profile === where,
      )) {
        // Two containers that differ in their terminal alone make that change one of an allowed request to another.
        if (predicate === 'terminal' && policy.containers.some(({ OCI }) => OCI.Process.Terminal)) continue;
        const requests = predictKataRequests(policy, profile, namesFor(policy));
        for (const { type, input } of requests) {
          const decision = enforcer.enforce({ type, input: applyJsonPatch(input, patch) });
          expect(decision.allowed, id).toBe(false);
          expect(
            decision.causes.map((cause) => cause.predicate),
            id,
          ).toContain(predicate);
        }
      }
    });
  }
});
