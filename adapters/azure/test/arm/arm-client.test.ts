import type { ArmPort } from '@holdfast/deployment';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AzureError, createArmClient, errorCodes } from '../../src/index.ts';
import { EXPIRES, startScriptedAzure } from '../../testing/scripted-azure.ts';
import type { ScriptedAzure } from '../../testing/scripted-azure.ts';

const SUB = '00000000-0000-0000-0000-000000000001';
const GROUP = `/subscriptions/${SUB}/resourceGroups/rg1`;
const VNET = `${GROUP}/providers/Microsoft.Network/virtualNetworks/v1`;
const ARM = 'https://management.azure.com';
const API = '2024-05-01';

let azure: ScriptedAzure;
let arm: ArmPort;

beforeAll(async () => {
  azure = await startScriptedAzure();
  arm = createArmClient({
    subscriptionId: SUB,
    credential: azure.credential,
    httpClient: azure.httpClient,
    pollIntervalMs: 1,
    retryDelayMs: 1,
    clock: () => 0,
  });
});
afterAll(async () => {
  await azure.close();
});

async function failure(work: Promise<unknown>): Promise<AzureError> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof AzureError)) throw new Error(`expected an AzureError, got ${String(thrown)}`);
  expect(errorCodes[thrown.code]?.family).toBe('dependency');
  return thrown;
}

function sent(): string[] {
  return azure.received.map(({ method, path }) => `${method} ${path}`);
}

describe('read', () => {
  it('keeps every field of the wire, those at the top that the SDK models drop included', async () => {
    const body = {
      id: VNET,
      zones: ['1'],
      etag: 'W/1',
      future: { a: [1, null] },
      properties: { unknown: { deep: true } },
    };
    azure.use(() => ({ body }));
    expect(await arm.read(VNET, API)).toEqual(body);
    expect(azure.received[0]?.query.get('api-version')).toBe(API);
    expect(azure.received[0]?.headers.authorization).toMatch(/^Bearer /);
  });

  it('answers undefined for what does not exist', async () => {
    azure.use(() => ({ status: 404, body: { error: { code: 'ResourceNotFound', message: 'no' } } }));
    expect(await arm.read(VNET, API)).toBeUndefined();
  });

  it('collapses a double slash in front, which would turn "subscriptions" into a host', async () => {
    azure.use(() => ({ body: { id: VNET } }));
    await arm.read(`/${VNET}`, API);
    expect([azure.received[0]?.host, azure.received[0]?.path]).toEqual(['management.azure.com', VNET]);
  });

  it('never lets an id end the path', async () => {
    azure.use(() => ({ body: {} }));
    await arm.read(`${GROUP}/x?api-version=1#y`, API);
    expect(azure.received[0]?.query.getAll('api-version')).toEqual([API]);
  });

  it('reports a refusal with all that its body says: code, target, additional information, correlation id', async () => {
    const additionalInfo = [{ type: 'PolicyViolation', info: { policyAssignmentName: 'p1' } }];
    azure.use(() => ({
      status: 403,
      headers: { 'x-ms-correlation-request-id': 'c-1' },
      body: { error: { code: 'RequestDisallowedByPolicy', message: 'denied', target: 'v1', additionalInfo } },
    }));
    const error = await failure(arm.read(VNET, API));
    expect([error.code, error.retryable]).toEqual(['AZURE_REFUSED', false]);
    expect(error.problem).toEqual({
      code: 'RequestDisallowedByPolicy',
      message: 'denied',
      target: 'v1',
      path: [],
      additionalInfo,
      status: 403,
      correlationId: 'c-1',
    });
    expect(error.details.problem).toBe(error.problem);
  });

  it('reports a page of a proxy as an answer that cannot be used', async () => {
    azure.use(() => ({ body: '<html>sign in</html>', headers: { 'content-type': 'text/html' } }));
    expect((await failure(arm.read(VNET, API))).code).toBe('AZURE_ANSWER_UNUSABLE');
  });
});

describe('retries', () => {
  it.each([408, 429, 500, 502, 503, 504])('repeats after %i', async (status) => {
    let calls = 0;
    // The SDK repeats after 429 only when it is told how long to wait.
    const headers = { 'retry-after-ms': '1' };
    azure.use(() => ((calls += 1) < 3 ? { status, headers, body: {} } : { body: { id: VNET } }));
    expect(await arm.read(VNET, API)).toEqual({ id: VNET });
    expect(calls).toBe(3);
  });

  it('repeats after a broken connection', async () => {
    let calls = 0;
    azure.use(() => ((calls += 1) < 2 ? { cut: true } : { body: { id: VNET } }));
    expect(await arm.read(VNET, API)).toEqual({ id: VNET });
  });

  it.each([403, 409, 501])('does not repeat after %i', async (status) => {
    azure.use(() => ({ status, body: { error: { code: 'C', message: 'm' } } }));
    const error = await failure(arm.read(VNET, API));
    expect([azure.received.length, error.problem.status]).toEqual([1, status]);
  });

  it('gives up after four attempts with AZURE_UNREACHABLE', async () => {
    azure.use(() => ({ status: 503, body: { error: { code: 'ServerBusy', message: 'later' } } }));
    const error = await failure(arm.read(VNET, API));
    expect([error.code, error.retryable, error.problem.code]).toEqual(['AZURE_UNREACHABLE', true, 'ServerBusy']);
    expect(azure.received).toHaveLength(4);
  });
});

describe('deadlines', () => {
  it('a deadline of the caller ends a call that is never answered, as AZURE_TIMEOUT', async () => {
    azure.use(() => ({ silent: true }));
    const error = await failure(arm.read(VNET, API, { signal: AbortSignal.timeout(20) }));
    expect([error.code, error.retryable]).toEqual(['AZURE_TIMEOUT', true]);
  });

  it('an interruption ends a call as AZURE_INTERRUPTED', async () => {
    const controller = new AbortController();
    azure.use(() => {
      controller.abort();
      return { silent: true };
    });
    expect((await failure(arm.read(VNET, API, { signal: controller.signal }))).code).toBe('AZURE_INTERRUPTED');
  });
});

describe('list', () => {
  it('reads all pages, following nextLink as it is', async () => {
    azure.use(({ query }) =>
      query.get('page') === '2'
        ? { body: { value: [{ name: 'b', zones: ['3'] }] } }
        : { body: { value: [{ name: 'a' }], nextLink: `${ARM}${GROUP}/resources?page=2` } },
    );
    const all = await arm.list(`${GROUP}/resources`, API, { $filter: "name eq 'a b'" });
    expect(all).toEqual([{ name: 'a' }, { name: 'b', zones: ['3'] }]);
    expect(azure.received[0]?.query.get('$filter')).toBe("name eq 'a b'");
    expect(azure.received[1]?.query.has('api-version')).toBe(false);
  });

  it('reads the versions of Kubernetes, which come as values', async () => {
    azure.use(() => ({ body: { values: [{ version: '1.33' }] } }));
    expect(await arm.list(`/subscriptions/${SUB}/providers/P/locations/l/kubernetesVersions`, API)).toHaveLength(1);
  });

  it('sends no token to another host that a nextLink names', async () => {
    azure.use(() => ({ body: { value: [], nextLink: 'https://evil.example/steal' } }));
    expect((await failure(arm.list(`${GROUP}/resources`, API))).code).toBe('AZURE_ANSWER_UNUSABLE');
    expect(azure.received).toHaveLength(1);
  });
});

describe('write', () => {
  it('sends the body whole and answers the resource when Azure answers at once', async () => {
    const body = { location: 'l', zones: ['1'], properties: { a: null } };
    azure.use(() => ({ status: 201, body: { ...body, id: VNET } }));
    expect(await arm.write(VNET, API, body)).toEqual({ ...body, id: VNET });
    expect(JSON.parse(azure.received[0]?.body ?? '')).toEqual(body);
  });

  it('follows Azure-AsyncOperation and reads the resource at the end', async () => {
    let polls = 0;
    azure.use(({ method, path }) => {
      if (method === 'PUT')
        return { status: 201, headers: { 'azure-asyncoperation': `${ARM}/op/1?api-version=x` }, body: {} };
      if (path === '/op/1') return { body: { status: (polls += 1) < 3 ? 'InProgress' : 'Succeeded' } };
      return { body: { id: VNET, done: true } };
    });
    expect(await arm.write(VNET, API, {})).toEqual({ id: VNET, done: true });
    expect(sent()).toEqual([`PUT ${VNET}`, 'GET /op/1', 'GET /op/1', 'GET /op/1', `GET ${VNET}`]);
  });

  it('asks the resource itself when there are no headers, as for vaults that register their name', async () => {
    let reads = 0;
    azure.use(({ method }) => ({
      body: {
        properties: { provisioningState: method === 'PUT' || (reads += 1) < 2 ? 'RegisteringDns' : 'Succeeded' },
      },
    }));
    expect(await arm.write(VNET, API, {})).toEqual({ properties: { provisioningState: 'Succeeded' } });
    expect(azure.received).toHaveLength(3);
  });

  it('reports the details of a failed operation, which the pollers of the SDKs drop', async () => {
    azure.use(({ method }) =>
      method === 'PUT'
        ? { status: 201, headers: { 'azure-asyncoperation': `${ARM}/op/1` }, body: {} }
        : {
            headers: { 'x-ms-correlation-request-id': 'c-2' },
            body: {
              status: 'Failed',
              error: { code: 'Outer', message: 'o', details: [{ code: 'SubnetIsFull', message: 'no address left' }] },
            },
          },
    );
    const error = await failure(arm.write(VNET, API, {}));
    expect(error.code).toBe('AZURE_OPERATION_FAILED');
    expect(error.problem).toEqual({
      code: 'SubnetIsFull',
      message: 'no address left',
      path: ['Outer'],
      correlationId: 'c-2',
      resourceId: VNET,
    });
  });
});

describe('remove', () => {
  it.each([404, 204])('answers absent for %i', async (status) => {
    azure.use(() => ({ status, ...(status === 404 ? { body: { error: { code: 'NotFound', message: 'm' } } } : {}) }));
    expect(await arm.remove(VNET, API)).toBe('absent');
  });

  it('follows Location until it answers something else than 202', async () => {
    let polls = 0;
    azure.use(({ method }) =>
      method === 'DELETE'
        ? { status: 202, headers: { location: `${ARM}/op/2` } }
        : (polls += 1) < 3
          ? { status: 202, headers: { location: `${ARM}/op/2` } }
          : { status: 200 },
    );
    expect(await arm.remove(GROUP, API)).toBe('removed');
    expect(azure.received).toHaveLength(4);
  });

  it('takes a forgotten operation of a removal for its end', async () => {
    azure.use(({ method }) =>
      method === 'DELETE'
        ? { status: 202, headers: { location: `${ARM}/op/2` } }
        : { status: 404, body: { error: { code: 'NotFound', message: 'm' } } },
    );
    expect(await arm.remove(GROUP, API)).toBe('removed');
  });
});

describe('post, subscription, caller', () => {
  it('answers the body of an action, and nothing when there is none', async () => {
    azure.use(({ path }) => (path.endsWith('/empty') ? { status: 200 } : { body: { kubeconfigs: [] } }));
    expect(await arm.post(`${VNET}/listClusterUserCredential`, API)).toEqual({ kubeconfigs: [] });
    expect(await arm.post(`${VNET}/empty`, API)).toBeUndefined();
  });

  it('answers what Location leads to for an action that takes longer', async () => {
    azure.use(({ method }) =>
      method === 'POST'
        ? { status: 202, headers: { location: `${ARM}/op/3` } }
        : { body: { properties: { logs: 'x', provisioningState: 'Failed' } } },
    );
    expect(await arm.post(`${VNET}/runCommand`, API, { command: 'c' })).toMatchObject({ properties: { logs: 'x' } });
  });

  it('reads the subscription with a version of its own', async () => {
    azure.use(() => ({ body: { subscriptionId: SUB, state: 'Enabled' } }));
    expect(await arm.subscription()).toMatchObject({ state: 'Enabled' });
    expect(azure.received[0]?.query.get('api-version')).toBe('2022-12-01');
  });

  it('reads who the caller is from the token', async () => {
    expect(await arm.caller()).toEqual({ objectId: 'caller-object-id', tenantId: 'tenant-id', expiresAt: EXPIRES });
  });

  it('says so when the token names nobody', async () => {
    const credential = { getToken: () => Promise.resolve({ token: 'opaque', expiresOnTimestamp: 1 }) };
    const anonymous = createArmClient({ subscriptionId: SUB, credential, clock: () => 0 });
    expect((await failure(anonymous.caller())).code).toBe('AZURE_ANSWER_UNUSABLE');
  });
});
