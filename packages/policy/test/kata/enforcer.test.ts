import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import fc from 'fast-check';
import { describe, it } from 'vitest';

import { createKataEnforcer } from '../../src/kata/evaluate/enforcer.ts';
import { unmatchedRequests } from '../../src/kata/evaluate/mount-checks.ts';
import { replayKataRequests } from '../../src/kata/evaluate/replay.ts';
import { explainKataDecision } from '../../src/kata/explain.ts';
import { applyJsonPatch } from '../../src/kata/json-patch.ts';
import type { KataPolicyData, KataProfile } from '../../src/kata/policy-data.ts';
import { type KataRuntimeNames, predictKataRequests, verifyKataPod } from '../../src/kata/predict.ts';
import { defaultKataSettings } from '../../src/kata/settings.ts';
import { generateSmall, smallPod } from './small-policy.ts';

const names: KataRuntimeNames = {
  podName: 'small',
  namespace: 'default',
  podUid: '01234567-89ab-cdef-0123-456789abcdef',
  podIp: '10.0.0.7',
  hostIp: '10.0.0.1',
  nodeName: 'node-1',
  sandboxId: 'b'.repeat(64),
  bundleIds: ['b'.repeat(64), 'c'.repeat(64)],
};

interface Prepared {
  readonly policy: KataPolicyData;
  readonly sandbox: unknown;
  readonly app: unknown;
}

async function prepare(profile: KataProfile, yaml = smallPod): Promise<Prepared> {
  const { policies } = await generateSmall(yaml, { settings: defaultKataSettings(profile) });
  const policy = policies[0]?.policyData;
  if (policy === undefined) throw new Error('no policy was generated');
  const [sandbox, app] = predictKataRequests(policy, profile, names);
  return { policy, sandbox: sandbox?.input, app: app?.input };
}

const type = 'CreateContainerRequest';
const annotation = (name: string): string => `/OCI/Annotations/io.kubernetes.cri.${name}`;

describe('createKataEnforcer in the MS profile', () => {
  it('allows requests that leave out mounts and variables, repeat mounts, or name another group or image', async ({
    expect,
  }) => {
    const { policy, app } = await prepare('ms');
    const patches: unknown[] = [
      [{ op: 'replace', path: '/OCI/Mounts', value: [] }],
      [{ op: 'replace', path: '/OCI/Process/Env', value: [] }],
      [{ op: 'copy', from: '/OCI/Mounts/0', path: '/OCI/Mounts/0' }],
      [{ op: 'replace', path: '/OCI/Process/User/GID', value: 4242 }],
      [{ op: 'replace', path: annotation('image-name'), value: 'other' }],
      [{ op: 'replace', path: '/storages/0/source', value: '/dev/other' }],
      [{ op: 'add', path: '/OCI/Process/Env/-', value: 'AZURE_CLIENT_ID=' }],
    ];
    const enforcer = createKataEnforcer(policy, 'ms');
    for (const patch of patches) {
      const { allowed, message } = enforcer.enforce({ type, input: applyJsonPatch(app, patch) });
      expect(allowed, message).toBe(true);
    }
  });

  it('denies UDP service variables and commands in pods of a controller', async ({ expect }) => {
    const { policy, app } = await prepare('ms');
    const udp = applyJsonPatch(app, [{ op: 'add', path: '/OCI/Process/Env/-', value: 'X_PORT_53_UDP_PROTO=udp' }]);
    expect(createKataEnforcer(policy, 'ms').enforce({ type, input: udp }).allowed).toBe(false);
    const controller =
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: d }\nspec: { template: { spec: { containers: [{ name: c, image: i, livenessProbe: { exec: { command: [live] } } }] } } }';
    const other = await prepare('ms', controller);
    const exec = { type: 'ExecProcessRequest', input: { process: { Args: ['live'], Cwd: '/' } } };
    const decision = createKataEnforcer(other.policy, 'ms').enforce(exec);
    expect(decision.allowed).toBe(false);
    expect(explainKataDecision(decision).suggestions.join()).toContain('httpGet');
  });

  it('does not care about the order of variables, mounts and storages', async ({ expect }) => {
    const { policy, app } = await prepare('ms');
    const enforcer = createKataEnforcer(policy, 'ms');
    const input = app as { OCI: { Process: { Env: string[] }; Mounts: unknown[] }; storages: unknown[] };
    const shuffled = <T>(items: readonly T[]): fc.Arbitrary<T[]> =>
      fc.shuffledSubarray([...items], { minLength: items.length });
    fc.assert(
      fc.property(
        shuffled(input.OCI.Process.Env),
        shuffled(input.OCI.Mounts),
        shuffled(input.storages),
        (env, mounts, storages) => {
          const request = {
            ...input,
            storages,
            OCI: { ...input.OCI, Mounts: mounts, Process: { ...input.OCI.Process, Env: env } },
          };
          expect(enforcer.enforce({ type, input: request }).allowed).toBe(true);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('substitutes texts with dollar signs as they are', async ({ expect }) => {
    const { policy, sandbox } = await prepare('ms');
    const input = applyJsonPatch(sandbox, [{ op: 'replace', path: annotation('sandbox-name'), value: "$&$'" }]);
    const decision = createKataEnforcer(policy, 'ms').enforce({ type, input });
    expect(decision.causes.map(({ predicate }) => predicate)).toContain('sandbox-name');
  });
});

describe('createKataEnforcer in the upstream profile', () => {
  it('keeps pod name, namespace and network namespace of the first container', async ({ expect }) => {
    const { policy, app, sandbox } = await prepare('upstream');
    const network = [{ op: 'add', path: '/OCI/Linux/Namespaces/-', value: { Type: 'network', Path: '/run/netns/a' } }];
    const enforcer = createKataEnforcer(policy, 'upstream');
    expect(enforcer.enforce({ type, input: applyJsonPatch(sandbox, network) }).allowed).toBe(true);
    expect(enforcer.enforce({ type, input: app }).allowed).toBe(true);
    const changes: unknown[] = [
      [{ op: 'replace', path: annotation('sandbox-namespace'), value: 'other' }],
      [{ op: 'add', path: '/OCI/Linux/Namespaces/-', value: { Type: 'network', Path: '/run/netns/b' } }],
    ];
    for (const change of changes) {
      const decision = enforcer.enforce({ type, input: applyJsonPatch(app, change) });
      expect(decision.causes.map(({ predicate }) => predicate)).toEqual(['state']);
    }
    const fresh = createKataEnforcer(policy, 'upstream');
    expect(fresh.enforce({ type, input: applyJsonPatch(app, changes[0]) }).allowed).toBe(true);
  });

  it('does not remember a container that it denied', async ({ expect }) => {
    const yaml = `${smallPod}      livenessProbe: { exec: { command: [live] } }\n`;
    const { policy, app } = await prepare('upstream', yaml);
    const enforcer = createKataEnforcer(policy, 'upstream');
    const exec = {
      type: 'ExecProcessRequest',
      input: {
        container_id: 'c'.repeat(64),
        process: { Args: ['live'], Cwd: '/', User: { UID: 0, AdditionalGids: [0] } },
      },
    };
    enforcer.enforce({ type, input: applyJsonPatch(app, [{ op: 'replace', path: '/OCI/Process/Cwd', value: '/x' }]) });
    expect(enforcer.enforce(exec).allowed).toBe(false);
    enforcer.enforce({ type, input: app });
    expect(enforcer.enforce(exec).allowed, enforcer.enforce(exec).message).toBe(true);
    enforcer.enforce({ type: 'RemoveContainerRequest', input: { container_id: 'c'.repeat(64) } });
    expect(enforcer.enforce(exec).allowed).toBe(false);
  });

  it('refuses loopback routes and neighbours', async ({ expect }) => {
    const { policy } = await prepare('upstream');
    const enforcer = createKataEnforcer(policy, 'upstream');
    const route = (source: string, device: string): boolean =>
      enforcer.enforce({ type: 'UpdateRoutesRequest', input: { routes: { Routes: [{ source, device }] } } }).allowed;
    expect([route('10.0.0.1', 'eth0'), route('127.0.0.1', 'eth0'), route('::1', 'eth0'), route('', 'lo')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    const neighbor = (extra: object): boolean => {
      const entry = { toIPAddress: { address: '10.0.0.9', mask: '' }, device: 'eth0', state: 128, flags: 8, ...extra };
      return enforcer.enforce({ type: 'AddARPNeighborsRequest', input: { neighbors: { ARPNeighbors: [entry] } } })
        .allowed;
    };
    expect(neighbor({})).toBe(true);
    for (const extra of [
      { device: 'lo' },
      { state: 1 },
      { flags: 1 },
      { toIPAddress: { address: '127.0.0.1' } },
      { toIPAddress: { address: '1.1.1.1', mask: '8' } },
    ]) {
      expect(neighbor(extra), JSON.stringify(extra)).toBe(false);
    }
  });
});

describe('unmatchedRequests', () => {
  it('finds a full assignment whenever there is one', ({ expect }) => {
    expect(unmatchedRequests([[0, 1], [0]])).toEqual([]);
    expect(unmatchedRequests([[0], [0]])).toEqual([1]);
    const permutation = fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 });
    fc.assert(
      fc.property(permutation, fc.array(fc.tuple(fc.nat(5), fc.nat(5))), (order, extra) => {
        const fitting = order.map((entry, request) => [
          ...extra.filter(([r]) => r === request).map(([, e]) => e),
          entry,
        ]);
        expect(unmatchedRequests(fitting)).toEqual([]);
      }),
    );
  });
});

describe('explainKataDecision', () => {
  it('names the variable that the platform added and the setting that admits it', async ({ expect }) => {
    const { policy, app } = await prepare('ms');
    const input = applyJsonPatch(app, [{ op: 'add', path: '/OCI/Process/Env/-', value: 'IDENTITY_ENDPOINT=http://x' }]);
    const explanation = explainKataDecision(createKataEnforcer(policy, 'ms').enforce({ type, input }));
    expect(explanation.summary).toContain('IDENTITY_ENDPOINT');
    expect(explanation.primary).toMatchObject({
      container: 1,
      predicate: 'env',
      request: 'IDENTITY_ENDPOINT=http://x',
    });
    expect(explanation.containers).toHaveLength(2);
    expect(explanation.suggestions).toHaveLength(1);
    expect(explanation.suggestions[0]).toContain('^IDENTITY_ENDPOINT=');
  });

  it('says that an updated image needs another policy', async ({ expect }) => {
    const before = await prepare('ms');
    const hash = {
      op: 'replace',
      path: '/containers/1/storages/2/options/1',
      value: `${'3'.repeat(64)}:${'1'.repeat(64)}`,
    };
    const updated = applyJsonPatch(before.policy, [hash]) as KataPolicyData;
    const decisions = verifyKataPod(createKataEnforcer(before.policy, 'ms'), updated, 'ms', names);
    expect(decisions.map(({ allowed }) => allowed)).toEqual([true, false]);
    expect(explainKataDecision(decisions[1] ?? decisions[0]!).suggestions.join()).toContain('image was updated');
  });
});

describe('replayKataRequests', () => {
  it('takes the policy, bases and patches of a recording and reports the recorded answers', async ({ expect }) => {
    const { policy, app } = await prepare('ms');
    const cases = [
      { name: 'as it is', request: type, base: 'app', allowed: true },
      {
        name: 'changed',
        request: type,
        base: 'app',
        patch: [{ op: 'replace', path: '/OCI/Version', value: '0' }],
        allowed: false,
      },
    ];
    const { decisions } = replayKataRequests({ policyData: policy, profile: 'ms', bases: { app }, cases });
    expect(decisions.map(({ allowed, expected, name }) => [name, allowed, expected])).toEqual([
      ['as it is', true, true],
      ['changed', false, false],
    ]);
  });

  it('refuses what is no recording', async ({ expect }) => {
    const { policy } = await prepare('ms');
    for (const recording of [1, {}, [1], [{ kind: type }], [{ request: type, base: 'toString' }], [{ input: {} }]]) {
      expect(() => replayKataRequests(recording, { policy, profile: 'ms' }), JSON.stringify(recording)).toThrow(
        expect.objectContaining({ code: 'KATA_REQUEST_MALFORMED' }),
      );
    }
  });
});

describe('the encrypted Kafka sample', () => {
  it('gets a policy that allows its own pod in both profiles', async ({ expect }) => {
    const file = fileURLToPath(new URL('../../../../samples/encrypted-kafka/manifests/consumer.yaml', import.meta.url));
    for (const profile of ['ms', 'upstream'] as const) {
      const { policies } = await generateSmall(readFileSync(file, 'utf8'), { settings: defaultKataSettings(profile) });
      const [consumer] = policies;
      if (consumer === undefined) throw new Error('the sample has no pod');
      const own = {
        ...names,
        podName: 'kafka-golang-consumer',
        namespace: 'kafka',
        bundleIds: [...names.bundleIds, 'd'.repeat(64)],
      };
      const decisions = verifyKataPod(consumer.policyText, consumer.policyData, profile, own);
      expect(decisions.map(({ allowed, message }) => (allowed ? 'allowed' : message))).toEqual([
        'allowed',
        'allowed',
        'allowed',
      ]);
    }
  });
});
