import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { AttestationAgent } from '../../src/peer-pod/attestation-agent.ts';
import { DataHub } from '../../src/peer-pod/data-hub.ts';
import { BrokerClient } from '../../src/peer-pod/kbs/broker-client.ts';
import { createTeeKey } from '../../src/peer-pod/kbs/tee-key.ts';
import type { Machine } from '../../src/peer-pod/machine/machine.ts';
import { createSampleMachine } from '../../src/peer-pod/machine/sample-machine.ts';
import { buildRestApi } from '../../src/peer-pod/rest-api.ts';
import type { RestApiFeature } from '../../src/peer-pod/rest-api.ts';
import { FakeBroker } from './fake-broker.ts';
import { NOW } from './platform.ts';

const PATH = 'default/database/password';
const key = await createTeeKey('ECDH-ES+A256KW-P256');

let broker: FakeBroker;
let now: number;
let failures: string[];
const apps: FastifyInstance[] = [];

beforeEach(() => {
  broker = new FakeBroker();
  broker.resources.set(PATH, 'secret');
  now = NOW;
  failures = [];
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

interface Setup {
  readonly feature?: RestApiFeature;
  readonly eventLog?: boolean;
  readonly extend?: Machine['extend'];
  readonly withoutBroker?: boolean;
}

function open({ feature = 'all', eventLog = false, extend, withoutBroker = false }: Setup = {}): FastifyInstance {
  const machine: Machine = { ...createSampleMachine(), ...(extend === undefined ? {} : { extend }) };
  const client = new BrokerClient({
    url: 'http://kbs.example',
    http: broker,
    key,
    source: machine,
    clock: () => now,
    wait: () => Promise.resolve(),
  });
  const settings = {
    broker: undefined,
    keyAlgorithm: 'ECDH-ES+A256KW-P256',
    eventLog: { enabled: eventLog, register: 17 },
  } as const;
  const agent = new AttestationAgent({
    machine,
    broker: withoutBroker ? undefined : client,
    settings,
    clock: () => now,
  });
  const hub = new DataHub({
    broker: withoutBroker ? undefined : client,
    settings: { broker: undefined, credentials: [], skipSealedSecretVerification: false },
    keyFolder: '/nowhere',
  });
  const app = buildRestApi({
    agent,
    hub,
    feature,
    version: 'test',
    onFailure: (path, { code }) => failures.push(`${path} ${code}`),
  });
  apps.push(app);
  return app;
}

describe('the interface for workloads', () => {
  it('hands out a resource as bytes, whatever the verb and the query', async () => {
    for (const method of ['GET', 'POST'] as const) {
      const answer = await open().inject({ method, url: `/cdh/resource/${PATH}?ignored=1` });
      expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
        200,
        'application/octet-stream',
        'secret',
      ]);
    }
  });

  it('answers 500 with the same sentence for a resource that is refused and one that is not there', async () => {
    const missing = await open().inject('/cdh/resource/default/no/such');
    broker.allows = false;
    const refused = await open().inject(`/cdh/resource/${PATH}`);
    for (const { statusCode, body } of [missing, refused]) {
      expect([statusCode, body]).toEqual([500, 'request unauthorized']);
    }
    expect(failures).toEqual([
      '/cdh/resource/default/no/such PEER_POD_RESOURCE_REFUSED',
      `/cdh/resource/${PATH} PEER_POD_RESOURCE_REFUSED`,
    ]);
  });

  it('answers 500 for a path that is no resource, and asks nobody', async () => {
    for (const path of ['a/b', 'a/b/c/d', 'a/%2e%2e/c', '']) {
      expect((await open().inject(`/cdh/resource/${path}`)).statusCode).toBe(500);
    }
    expect(broker.calls).toEqual([]);
  });

  it('gives a token with its key, the same until it nears its end', async () => {
    broker.tokenExpiry = NOW / 1000 + 300;
    const app = open();
    const token = async (): Promise<string> => (await app.inject('/aa/token?token_type=kbs')).json().token as string;
    const answer = await app.inject('/aa/token?token_type=kbs');
    expect(answer.json()).toEqual({
      token: expect.stringMatching(/^e30\./),
      tee_keypair: key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    });
    now += 269_000;
    expect(await token()).toBe(answer.json().token);
    now += 2000;
    expect(await token()).not.toBe(answer.json().token);
    expect(broker.attestations).toHaveLength(2);
  });

  it('makes one handshake for tokens that are asked for at the same time', async () => {
    const app = open();
    const answers = await Promise.all([1, 2, 3].map(() => app.inject('/aa/token?token_type=kbs')));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(broker.attestations).toHaveLength(1);
  });

  it('makes evidence over text and over Base64url', async () => {
    const app = open();
    const text = await app.inject('/aa/evidence?runtime_data=hello');
    expect(text.json()).toEqual({ svn: '1', report_data: Buffer.from('hello').toString('base64') });
    const bytes = await app.inject('/aa/evidence?runtime_data=_-8&encoding=base64');
    expect(bytes.json()).toEqual({ svn: '1', report_data: '/+8=' });
    expect((await app.inject('/aa/additional-evidence?runtime_data=hello')).json()).toEqual({});
  });

  it('answers 400 where a parameter is missing or unreadable', async () => {
    for (const url of [
      '/aa/token',
      '/aa/evidence',
      '/aa/evidence?runtime_data=***&encoding=base64',
      '/aa/additional-evidence',
    ]) {
      const { statusCode, body } = await open().inject(url);
      expect([url, statusCode, body]).toEqual([url, 400, 'BAD REQUEST']);
    }
  });

  it('answers 500 for runtime data that do not fit into evidence', async () => {
    const { statusCode } = await open().inject(`/aa/evidence?runtime_data=${'x'.repeat(65)}`);
    expect([statusCode, failures]).toEqual([500, ['/aa/evidence PEER_POD_REPORT_DATA_INVALID']]);
  });

  it('answers 404 for what there is not', async () => {
    for (const url of ['/', '/cdh', '/cdh/', '/cdh/other', '/aa/', '/aa/other', '/aa', '/x']) {
      const { statusCode, body } = await open().inject(url);
      expect([url, statusCode, body]).toEqual([url, 404, 'URL NOT FOUND']);
    }
  });

  it('serves the halves that its features name', async () => {
    const resource = await open({ feature: 'resource' }).inject('/aa/token?token_type=kbs');
    expect([resource.statusCode, resource.body]).toEqual([404, 'Attestation Feature Not Enabled']);
    const attestation = await open({ feature: 'attestation' }).inject(`/cdh/resource/${PATH}`);
    expect([attestation.statusCode, attestation.body]).toEqual([404, 'Resource Feature Not Enabled']);
    expect((await open({ feature: 'resource' }).inject(`/cdh/resource/${PATH}`)).statusCode).toBe(200);
    expect((await open({ feature: 'attestation' }).inject('/aa/token?token_type=kbs')).statusCode).toBe(200);
  });

  it('says what it is', async () => {
    const app = open();
    expect((await app.inject('/info')).json()).toEqual({
      version: 'test',
      tee: 'sample',
      additional_tees: [],
      feature: 'all',
    });
    expect((await app.inject({ method: 'POST', url: '/info' })).statusCode).toBe(405);
  });

  it('answers 403 to callers that are not in the pod', async () => {
    const app = open();
    for (const remoteAddress of ['10.0.0.4', '::ffff:10.0.0.4', 'fe80::1', '127.0.0.1.evil']) {
      const { statusCode, body } = await app.inject({ url: `/cdh/resource/${PATH}`, remoteAddress });
      expect([statusCode, body]).toEqual([403, 'Forbidden']);
    }
    for (const remoteAddress of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1']) {
      expect((await app.inject({ url: '/info', remoteAddress })).statusCode).toBe(200);
    }
  });

  it('extends the register of the event log where there is one', async () => {
    const extended: [number, number][] = [];
    const extend = (register: number, digest: Uint8Array): void => void extended.push([register, digest.length]);
    const payload = JSON.stringify({ domain: 'app', operation: 'start', content: 'v1' });
    const call = { method: 'POST', url: '/aa/aael', payload } as const;
    expect((await open({ eventLog: true, extend }).inject(call)).json()).toEqual({ success: 'true' });
    expect(extended).toEqual([[17, 32]]);
    expect((await open({ eventLog: false, extend }).inject(call)).statusCode).toBe(500);
    expect((await open({ eventLog: true }).inject(call)).statusCode).toBe(500);
    expect((await open({ eventLog: true, extend }).inject({ ...call, payload: '{}' })).statusCode).toBe(400);
    expect((await open({ eventLog: true, extend }).inject('/aa/aael')).statusCode).toBe(405);
  });

  it('says that the initdata name no broker', async () => {
    const app = open({ withoutBroker: true });
    const token = await app.inject('/aa/token?token_type=kbs');
    expect([token.statusCode, token.body]).toEqual([500, 'kbs token config not configured in config file']);
    const resource = await app.inject(`/cdh/resource/${PATH}`);
    expect([resource.statusCode, resource.body]).toEqual([500, 'the initdata name no key broker for resources']);
  });
});
