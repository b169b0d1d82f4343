import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import {
  excludedNamespaces,
  parseAdmissionReview,
  peerPodsDefaults,
  peerPodsMutation,
  peerPodsRegistration,
  peerPodsSettings,
} from '../../src/index.ts';
import type { JsonObject } from '../../src/index.ts';
import { patched, requestFor, withoutEmpty } from '../patched.ts';

interface VectorCase {
  readonly id: string;
  readonly input: {
    readonly env?: Readonly<Record<string, string>>;
    readonly pod?: JsonObject;
    readonly admission_review?: JsonObject;
    readonly namespace: string;
  };
  readonly expect: { readonly mutated: JsonObject; readonly webhook_called: boolean };
}

const vectors = loadVectors('trustee.json') as
  | { readonly groups: Readonly<Record<string, readonly VectorCase[]>> }
  | undefined;
const casesOf = (group: string) => vectors?.groups[group] ?? [];

const ask = async (object: JsonObject, settings = peerPodsDefaults) => {
  const request = requestFor(object);
  return patched(request, await peerPodsMutation(settings)(request));
};
const pod = (resources: JsonObject, annotations: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', annotations },
  spec: { runtimeClassName: 'kata-remote', containers: [{ name: 'a', resources }] },
});

describe.skipIf(vectors === undefined)('known answers of the peer-pods webhook', () => {
  it.each(casesOf('webhook').filter(({ input }) => input.env !== undefined))(
    '$id',
    async ({ input, expect: expected }) => {
      const request =
        input.admission_review === undefined
          ? requestFor(input.pod ?? {})
          : parseAdmissionReview(JSON.stringify(input.admission_review));
      const { object } = patched(request, await peerPodsMutation(peerPodsSettings(input.env ?? {}))(request));
      expect(withoutEmpty(object)).toEqual(withoutEmpty(expected.mutated));
    },
  );

  it.each(casesOf('webhook_namespaces'))('$id', ({ input, expect: expected }) => {
    expect(excludedNamespaces.includes(input.namespace)).toBe(!expected.webhook_called);
  });
});

describe('the peer-pods mutation', () => {
  it('changes nothing the second time', async () => {
    const once = await ask(pod({ requests: { cpu: '2', memory: '1Gi' }, limits: { cpu: '3' } }));
    expect((await ask(once.object)).operations).toEqual([]);
  });

  it('keeps the size it counted when the cluster puts defaults on the emptied containers', async () => {
    const { object } = await ask(pod({ requests: { cpu: '2' } }));
    const defaulted = structuredClone(object) as { spec: { containers: { resources: { requests: JsonObject } }[] } };
    for (const container of defaulted.spec.containers) {
      container.resources.requests = { ...container.resources.requests, cpu: '100m' };
    }
    const again = await ask(defaulted);
    expect(again.object).toMatchObject({
      metadata: { annotations: { 'io.katacontainers.config.hypervisor.default_vcpus': '2' } },
    });
  });

  it('refuses an amount that is none, and says which', async () => {
    const decision = await peerPodsMutation(peerPodsDefaults)(requestFor(pod({ requests: { cpu: 'many' } })));
    expect(decision).toMatchObject({ allowed: false, code: 400, message: expect.stringContaining('"many"') as string });
  });

  it.each([
    ['containers that are text', { containers: 'a' }],
    ['a container that is text', { containers: ['a'] }],
    ['init containers that are an object', { containers: [], initContainers: {} }],
  ])('refuses %s with 400', async (_title, spec) => {
    const decision = await peerPodsMutation(peerPodsDefaults)(requestFor({ apiVersion: 'v1', kind: 'Pod', spec }));
    expect(decision).toMatchObject({ allowed: false, code: 400 });
  });

  it('reads both names of the runtime class, the real one first', () => {
    expect(peerPodsSettings({ TARGET_RUNTIME_CLASS: 'b' }).runtimeClass).toBe('b');
    expect(peerPodsSettings({ TARGET_RUNTIMECLASS: 'a', TARGET_RUNTIME_CLASS: 'b' }).runtimeClass).toBe('a');
    expect(peerPodsSettings({})).toEqual(peerPodsDefaults);
  });

  it('is registered for the creation of pods only, since resources cannot change later', () => {
    const text = JSON.stringify(peerPodsRegistration({ namespace: 'n', service: 's', port: 443, path: '/p' }, 'Q0E='));
    expect(text).toContain('"operations":["CREATE"]');
    expect(text).toContain('"caBundle":"Q0E="');
  });
});
