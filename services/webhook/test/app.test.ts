import { loadVectors } from '@holdfast/base/testing';
import { peerPodsDefaults, peerPodsMutation } from '@holdfast/admission';
import { createLogger } from '@holdfast/process';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';

import { buildApp, createEvents } from '../src/index.ts';

const events = createEvents(createLogger({ name: 'webhook', level: 'silent' }), new Registry());
const app = buildApp({
  mutations: new Map([['peer-pods', peerPodsMutation(peerPodsDefaults)]]),
  events,
  monotonic: () => 0,
  tls: undefined,
});
const post = (payload: string | Buffer, url = '/mutate-v1-pod') => app.inject({ method: 'POST', url, payload });
const review = (object: object) =>
  JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { uid: 'u', object } });

interface Vectors {
  readonly groups: {
    readonly webhook: readonly {
      readonly id: string;
      readonly input: { readonly admission_review?: object };
      readonly expect: { readonly admission_response?: { readonly response: { readonly uid: string } } };
    }[];
  };
}
const vectors = loadVectors('trustee.json') as Vectors | undefined;
const exchange = vectors?.groups.webhook.find(({ input }) => input.admission_review !== undefined);

describe('the webhook', () => {
  it.skipIf(exchange === undefined)('answers a whole AdmissionReview', async () => {
    const answer = await post(JSON.stringify(exchange?.input.admission_review));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      kind: 'AdmissionReview',
      response: { uid: exchange?.expect.admission_response?.response.uid, allowed: true, patchType: 'JSONPatch' },
    });
  });

  it('answers on the path of its own and, being the only one, on that of the references', async () => {
    const pod = review({ apiVersion: 'v1', kind: 'Pod', spec: { containers: [] } });
    expect((await post(pod, '/peer-pods/mutate-v1-pod')).json()).toEqual((await post(pod)).json());
  });

  it.each([
    ['no JSON', 'x'],
    ['no UTF-8', Buffer.from([0xff, 0xfe])],
    ['another kind', '{"kind":"Pod"}'],
    ['nothing', ''],
  ])('refuses %s with 400 and one sentence', async (_title, payload) => {
    const answer = await post(payload);
    expect(answer.statusCode).toBe(400);
    expect(answer.body.split('\n')).toHaveLength(1);
  });

  it('refuses a body beyond 4 MiB without reading on', async () => {
    expect((await post(Buffer.alloc(4 * 1024 * 1024 + 1, 0x20))).statusCode).toBe(413);
  });
});
