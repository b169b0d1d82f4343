import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import {
  admissionAnswer,
  authorityHost,
  DEFAULT_AUDIENCE,
  parseAdmissionReview,
  volumeName,
  workloadIdentityMutation,
} from '../../src/index.ts';
import type { CustomTokenEndpoint, Json, JsonObject, WorkloadIdentitySettings } from '../../src/index.ts';
import { patched, requestFor, withoutEmpty } from '../patched.ts';

interface VectorConfig {
  readonly tenantId: string;
  readonly authorityHost: string;
  readonly native: boolean;
  readonly logLevel: string;
  readonly profile?: 'legacy';
  readonly customTokenEndpoint?: {
    readonly suffix: string;
    readonly audience: string;
    readonly proxy: string;
    readonly sni: string;
    readonly configMap: string;
  };
}

interface VectorCase {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly input: {
    readonly config: VectorConfig;
    readonly serviceAccount?: JsonObject | null;
    readonly namespace?: string;
    readonly pod?: JsonObject;
    readonly rawObject?: Json;
    readonly review?: JsonObject;
    readonly nameForHash: string;
    readonly cloud: string;
  };
  readonly expect: {
    readonly allowed?: boolean;
    readonly code?: number;
    readonly message?: string;
    readonly messageContains?: string;
    readonly patchedPod?: JsonObject;
    readonly review?: JsonObject;
    readonly volumeName?: string;
    readonly authorityHost?: string;
  };
}

const vectors = loadVectors('identity.json') as { readonly cases: readonly VectorCase[] } | undefined;
const casesOf = (group: string) => vectors?.cases.filter((entry) => entry.group === group) ?? [];

function settingsOf(config: VectorConfig): WorkloadIdentitySettings {
  const custom = config.customTokenEndpoint;
  const customEndpoint: CustomTokenEndpoint | undefined =
    custom === undefined
      ? undefined
      : {
          suffix: custom.suffix,
          audience: custom.audience,
          tokenProxy: custom.proxy,
          sniName: custom.sni,
          ca: { configMap: custom.configMap },
        };
  return {
    tenantId: config.tenantId,
    authorityHost: config.authorityHost,
    audience: DEFAULT_AUDIENCE,
    profile: config.profile ?? 'current',
    proxy: {
      image: 'mcr.microsoft.com/oss/azure/workload-identity/proxy:v1.6.0',
      initImage: 'mcr.microsoft.com/oss/azure/workload-identity/proxy-init:v1.6.0',
      logLevel: config.logLevel,
      nativeSidecar: config.native,
    },
    ...(customEndpoint === undefined ? {} : { customEndpoint }),
  };
}

/** The vectors give a service account's metadata. */
const serviceAccountOf = (metadata: JsonObject | null | undefined): JsonObject | undefined =>
  metadata === null || metadata === undefined ? undefined : { apiVersion: 'v1', kind: 'ServiceAccount', metadata };

const settings = settingsOf({ tenantId: 't', authorityHost: 'https://login.example/', native: true, logLevel: 'info' });
const pod = (parts: JsonObject = {}, spec: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', ...parts },
  spec: { containers: [{ name: 'a' }], ...spec },
});
const account =
  (annotations: JsonObject = {}) =>
  () =>
    Promise.resolve<JsonObject | undefined>({ metadata: { annotations } });

/** Images are the deployment's choice; the vectors name those of the reference. */
const withoutImages = (value: Json): Json =>
  JSON.parse(
    JSON.stringify(value, (key, member: Json) =>
      key === 'image' && typeof member === 'string' && /proxy/.test(member) ? 'proxy' : member,
    ),
  ) as Json;

function comparable(object: JsonObject): Json {
  const { namespace: _namespace, ...metadata } = object['metadata'] as JsonObject;
  return withoutImages(withoutEmpty({ ...object, metadata }));
}

describe.skipIf(vectors === undefined)('known answers of azure-workload-identity 1.6', () => {
  it.each(casesOf('webhook').filter((entry) => entry.input.review === undefined))('$id $title', async (entry) => {
    const { input } = entry;
    const mutation = workloadIdentityMutation(settingsOf(input.config), () =>
      Promise.resolve(serviceAccountOf(input.serviceAccount)),
    );
    const request = requestFor(input.rawObject ?? input.pod ?? null, input.namespace);
    const decision = await mutation(request);
    expect(decision.allowed).toBe(entry.expect.allowed);
    if (!decision.allowed) {
      expect(decision.code).toBe(entry.expect.code);
      if (entry.expect.message !== undefined) expect(decision.message).toBe(entry.expect.message);
      expect(decision.message).toContain(entry.expect.messageContains ?? '');
      return;
    }
    const { object, operations } = patched(request, decision);
    expect(comparable(object)).toEqual(comparable(entry.expect.patchedPod ?? {}));
    expect(operations.map(({ op }) => op)).not.toContain('remove');
  });

  it.each(casesOf('webhook').filter((entry) => entry.input.review !== undefined))('$id $title', async (entry) => {
    const request = parseAdmissionReview(JSON.stringify(entry.input.review));
    const mutation = workloadIdentityMutation(settingsOf(entry.input.config), () =>
      Promise.resolve(serviceAccountOf(entry.input.serviceAccount)),
    );
    const answer = admissionAnswer(request, await mutation(request));
    const theirs = (entry.expect.review?.['response'] ?? {}) as JsonObject;
    expect(answer).toMatchObject({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: theirs['uid'], allowed: true, patchType: 'JSONPatch' },
    });
  });

  it.each(casesOf('webhook-volume-name'))('$id $title', (entry) => {
    expect(volumeName('current', entry.input.nameForHash)).toBe(entry.expect.volumeName);
  });

  it.each(casesOf('webhook-authority'))('$id $title', (entry) => {
    const { cloud } = entry.input;
    if (entry.expect.authorityHost === undefined) {
      expect(() => authorityHost(cloud)).toThrow(`no cloud environment matching the name "${cloud.toUpperCase()}"`);
    } else expect(authorityHost(cloud)).toBe(entry.expect.authorityHost);
  });
});

describe('the workload identity mutation', () => {
  it('changes nothing the second time', async () => {
    const mutation = workloadIdentityMutation(settings, account({ 'azure.workload.identity/client-id': 'c' }));
    const annotated = pod(
      { annotations: { 'azure.workload.identity/inject-proxy-sidecar': 'true' } },
      { initContainers: [{ name: 'i' }] },
    );
    const once = patched(requestFor(annotated), await mutation(requestFor(annotated)));
    const twice = patched(requestFor(once.object), await mutation(requestFor(once.object)));
    expect(once.operations).not.toEqual([]);
    expect(twice.operations).toEqual([]);
  });

  it('keeps members that it does not know', async () => {
    const unknown = pod({}, { someFutureField: { deep: [1] }, containers: [{ name: 'a', other: null }] });
    const mutation = workloadIdentityMutation(settings, account());
    const { object } = patched(requestFor(unknown), await mutation(requestFor(unknown)));
    expect(object).toMatchObject({ spec: { someFutureField: { deep: [1] }, containers: [{ other: null }] } });
  });

  it('reports a wrong proxy port before a wrong lifetime', async () => {
    const annotations = {
      'azure.workload.identity/inject-proxy-sidecar': '',
      'azure.workload.identity/proxy-sidecar-port': '99999999999',
      'azure.workload.identity/service-account-token-expiration': 'never',
    };
    const decision = await workloadIdentityMutation(settings, account())(requestFor(pod({ annotations })));
    expect(decision).toMatchObject({
      allowed: false,
      message: 'failed to parse proxy sidecar port: strconv.ParseInt: parsing "99999999999": value out of range',
    });
  });

  it.each([
    ['+3600', undefined],
    ['9223372036854775808', 'value out of range'],
    ['-1', 'token expiration -1 not valid'],
    ['3_600', 'invalid syntax'],
    [' 3600', 'invalid syntax'],
    [`1${'0'.repeat(5000)}`, 'value out of range'],
  ])('takes the lifetime %s as the reference does', async (text, problem) => {
    const annotations = { 'azure.workload.identity/service-account-token-expiration': text };
    const decision = await workloadIdentityMutation(settings, account())(requestFor(pod({ annotations })));
    if (problem === undefined) expect(decision.allowed).toBe(true);
    else expect(decision).toMatchObject({ allowed: false, message: expect.stringContaining(problem) as string });
  });

  it('refuses with the reason when the service account cannot be read', async () => {
    const mutation = workloadIdentityMutation(settings, () => Promise.reject(new Error('the API server is away')));
    expect(await mutation(requestFor(pod()))).toMatchObject({
      allowed: false,
      code: 400,
      message: 'the API server is away',
    });
  });

  it('does not select the custom endpoint of another suffix', async () => {
    const custom = {
      ...settings,
      customEndpoint: {
        suffix: 'binding',
        audience: 'api://x',
        tokenProxy: 'https://p',
        sniName: 's',
        ca: { data: 'PEM' },
      },
    };
    const of = async (annotations: JsonObject) => {
      const request = requestFor(pod({ annotations }));
      return JSON.stringify(patched(request, await workloadIdentityMutation(custom, account())(request)).object);
    };
    expect(await of({ 'azure.workload.identity/use-other': 'true' })).not.toContain('AZURE_KUBERNETES');
    const selected = await of({ 'azure.workload.identity/use-binding': 'TRUE' });
    expect(selected).toContain('"AZURE_KUBERNETES_CA_DATA","value":"PEM"');
    expect(selected).toContain('"audience":"api://x"');
  });
});
