import { inspect } from 'node:util';

import { Secret } from '@holdfast/base';
import type { ArmPort, DeploymentRequest } from '@holdfast/deployment';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AzureError, createArmClient } from '../../src/index.ts';
import { startScriptedAzure } from '../../testing/scripted-azure.ts';
import type { ScriptedAnswer, ScriptedAzure } from '../../testing/scripted-azure.ts';

const SUB = '00000000-0000-0000-0000-000000000001';
const ARM = 'https://management.azure.com';
const SCOPE = { subscriptionId: SUB, resourceGroup: 'rg1' };
const NAME = 'uid2-integ-s3';
const DEPLOYMENT = `/subscriptions/${SUB}/resourcegroups/rg1/providers/Microsoft.Resources/deployments/${NAME}`;
const OPERATIONS = `/subscriptions/${SUB}/resourcegroups/rg1/deployments/${NAME}/operations`;
const STATUS = `${DEPLOYMENT}/operationStatuses/1`;
const CANARY = 'canary-"secret"-value';
const REQUEST: DeploymentRequest = {
  template: { $schema: 's', resources: [{ type: 'T', future: null }] },
  parameters: { location: 'eastus', operatorKey: new Secret(CANARY) },
  tags: { templateHash: 'h' },
};

let azure: ScriptedAzure;
let arm: ArmPort;

function client(): ArmPort {
  const { credential, httpClient } = azure;
  return createArmClient({
    subscriptionId: SUB,
    credential,
    httpClient,
    pollIntervalMs: 1,
    maxRetries: 0,
    clock: () => 0,
  });
}

beforeAll(async () => {
  azure = await startScriptedAzure();
  arm = client();
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
  return thrown;
}

function deployment(provisioningState: string, more: Record<string, unknown> = {}): ScriptedAnswer {
  return { body: { name: NAME, tags: { a: 'b' }, properties: { provisioningState, correlationId: 'c-1', ...more } } };
}

const INVALID = {
  error: {
    code: 'InvalidTemplateDeployment',
    message: 'outer',
    details: [{ code: 'QuotaExceeded', message: `needs more, see ${CANARY}`, target: 'cluster' }],
  },
};

describe('acceptance 5: validate', () => {
  it('finds nothing wrong in an answer of 200 without an error', async () => {
    azure.use(() => ({ body: { properties: { provisioningState: 'Succeeded' } } }));
    expect(await arm.deployments.validate(SCOPE, NAME, REQUEST)).toBeUndefined();
    expect(azure.received.map(({ method, path }) => [method, path])).toEqual([['POST', `${DEPLOYMENT}/validate`]]);
    expect(azure.received[0]?.query.get('api-version')).toBe('2025-04-01');
    expect(JSON.parse(azure.received[0]?.body ?? '')).toEqual({
      tags: REQUEST.tags,
      properties: {
        mode: 'Incremental',
        template: REQUEST.template,
        parameters: { location: { value: 'eastus' }, operatorKey: { value: CANARY } },
      },
    });
  });

  const expected = { code: 'QuotaExceeded', path: ['InvalidTemplateDeployment'], target: 'cluster' };

  it('shape one of a failure: a direct 400, for which the SDK throws a bare sentence', async () => {
    azure.use(() => ({ status: 400, body: INVALID }));
    const problem = await arm.deployments.validate(SCOPE, NAME, REQUEST);
    expect(problem).toMatchObject({ ...expected, status: 400 });
  });

  it('shape two of a failure: 202 and then a poll answered with 400', async () => {
    azure.use(({ method }) =>
      method === 'POST' ? { status: 202, headers: { location: `${ARM}/poll` } } : { status: 400, body: INVALID },
    );
    expect(await arm.deployments.validate(SCOPE, NAME, REQUEST)).toMatchObject(expected);
  });

  it.each(['direct', 'after 202'])(
    'shape three of a failure: 200 with an error, %s, for which the SDK throws nothing',
    async (when) => {
      azure.use(({ method }) =>
        method === 'POST' && when !== 'direct'
          ? { status: 202, headers: { location: `${ARM}/poll` } }
          : { body: INVALID },
      );
      expect(await arm.deployments.validate(SCOPE, NAME, REQUEST)).toMatchObject(expected);
    },
  );

  it('hides a secret that Azure repeats', async () => {
    azure.use(() => ({ status: 400, body: INVALID }));
    const problem = await arm.deployments.validate(SCOPE, NAME, REQUEST);
    expect(problem?.message).toBe('needs more, see [secret]');
  });

  it('throws what is not about the template, such as a missing right', async () => {
    azure.use(() => ({ status: 403, body: { error: { code: 'AuthorizationFailed', message: CANARY } } }));
    const error = await failure(arm.deployments.validate(SCOPE, NAME, REQUEST));
    expect([error.code, error.problem.code]).toEqual(['AZURE_REFUSED', 'AuthorizationFailed']);
    expect(`${inspect(error, { depth: 20 })}${JSON.stringify(error.details)}${error.stack ?? ''}`).not.toContain(
      'canary',
    );
  });
});

describe('acceptance 5: whatIf', () => {
  const changes = [
    { resourceId: '/x', changeType: 'Modify', delta: [{ path: 'p', propertyChangeType: 'Array', children: [] }] },
    { symbolicName: 's', changeType: 'Unsupported', unsupportedReason: 'r' },
  ];

  it.each(['at once', 'after 202'])('answers the changes of the wire, %s', async (when) => {
    azure.use(({ method }) =>
      method === 'POST' && when !== 'at once'
        ? { status: 202, headers: { location: `${ARM}/poll` } }
        : { body: { status: 'Succeeded', properties: { changes } } },
    );
    expect(await arm.deployments.whatIf(SCOPE, NAME, REQUEST)).toEqual({ changes });
    const body = JSON.parse(azure.received[0]?.body ?? '') as Record<string, Record<string, unknown>>;
    expect(body['properties']?.['whatIfSettings']).toEqual({ resultFormat: 'FullResourcePayloads' });
  });

  it('never sends a secret', async () => {
    azure.use(() => ({ body: { status: 'Succeeded', properties: { changes } } }));
    await arm.deployments.whatIf(SCOPE, NAME, REQUEST);
    expect(azure.received[0]?.body).not.toContain('canary');
  });

  it('a forecast that failed as 200 is a problem', async () => {
    azure.use(() => ({ body: { status: 'Failed', error: { code: 'ResourceGroupNotFound', message: 'm' } } }));
    expect(await arm.deployments.whatIf(SCOPE, NAME, REQUEST)).toMatchObject({
      problem: { code: 'ResourceGroupNotFound' },
    });
  });
});

describe('start and wait', () => {
  const running: ScriptedAnswer = {
    status: 201,
    headers: { 'azure-asyncoperation': `${ARM}${STATUS}?api-version=2025-04-01` },
    body: { name: NAME, properties: { provisioningState: 'Accepted', correlationId: 'c-1' } },
  };

  async function start(): Promise<string> {
    azure.use(() => running);
    return await arm.deployments.start(SCOPE, NAME, REQUEST);
  }

  it('start sends one request, does not wait although a poller is thenable, and its text holds no secret', async () => {
    const started = await start();
    expect(azure.received.map(({ method }) => method)).toEqual(['PUT']);
    expect(azure.received[0]?.body).toContain('canary');
    expect(started).not.toContain('canary');
    expect(JSON.parse(started)).toMatchObject({ state: { status: 'running' } });
  });

  it('start answers DeploymentActive as a problem that passes', async () => {
    azure.use(() => ({ status: 409, body: { error: { code: 'DeploymentActive', message: CANARY } } }));
    const error = await failure(arm.deployments.start(SCOPE, NAME, REQUEST));
    expect([error.problem.code, error.retryable]).toEqual(['DeploymentActive', true]);
    expect(inspect(error, { depth: 20 })).not.toContain('canary');
  });

  it('wait goes on in another process from the text, and answers the whole state', async () => {
    const started = await start();
    let polls = 0;
    azure.use(({ path }) =>
      path === STATUS
        ? { body: { status: (polls += 1) < 3 ? 'Running' : 'Succeeded' } }
        : deployment('Succeeded', { outputs: { ip: { type: 'String', value: '1.2.3.4' } } }),
    );
    const states: string[] = [];
    const state = await client().deployments.wait(SCOPE, NAME, started, { onState: (word) => states.push(word) });
    expect(state).toEqual({
      name: NAME,
      provisioningState: 'Succeeded',
      correlationId: 'c-1',
      tags: { a: 'b' },
      outputs: { ip: { type: 'String', value: '1.2.3.4' } },
      problem: undefined,
    });
    expect(states).toEqual(['Running', 'Succeeded']);
    expect(azure.received.filter(({ path }) => path === STATUS)).toHaveLength(3);
  });

  it.each([
    ['an operation that Azure has forgotten', undefined],
    ['no text at all', 'none'],
    ['a text that is damaged', '{"state":'],
    [
      'a text that points elsewhere',
      JSON.stringify({
        state: {
          status: 'running',
          config: {
            metadata: { mode: 'OperationLocation' },
            operationLocation: 'https://evil.example/status',
            initialRequestUrl: `${ARM}${DEPLOYMENT}?api-version=2025-04-01`,
            requestMethod: 'PUT',
          },
        },
      }),
    ],
  ])('wait falls back to asking for the deployment by its name: %s', async (_, text) => {
    const started = text === undefined ? await start() : text === 'none' ? undefined : text;
    let reads = 0;
    azure.use(({ path }) => {
      if (path === STATUS) return { status: 404, body: { error: { code: 'NotFound', message: 'forgotten' } } };
      return deployment((reads += 1) < 3 ? 'Running' : 'Succeeded');
    });
    expect(await arm.deployments.wait(SCOPE, NAME, started)).toMatchObject({ provisioningState: 'Succeeded' });
    expect(reads).toBeGreaterThanOrEqual(3);
    expect(azure.received.every(({ host }) => host === 'management.azure.com')).toBe(true);
  });

  it('wait stops waiting, and only that, when it is interrupted', async () => {
    const started = await start();
    const controller = new AbortController();
    azure.use(() => {
      controller.abort();
      return { body: { status: 'Running' } };
    });
    const error = await failure(arm.deployments.wait(SCOPE, NAME, started, { signal: controller.signal }));
    expect(error.code).toBe('AZURE_INTERRUPTED');
    expect(azure.received.every(({ method }) => method === 'GET')).toBe(true);
  });

  it('wait says so when the deployment does not exist', async () => {
    azure.use(() => ({ status: 404, body: { error: { code: 'DeploymentNotFound', message: 'm' } } }));
    expect((await failure(arm.deployments.wait(SCOPE, NAME, undefined))).problem.code).toBe('DeploymentNotFound');
  });
});

describe('acceptance 6: a failed deployment', () => {
  const CLUSTER = '/subscriptions/s/resourceGroups/rg1/providers/Microsoft.ContainerService/managedClusters/k';

  function operation(statusMessage: unknown, target: Record<string, unknown> = { id: CLUSTER }): unknown {
    return { properties: { provisioningState: 'Failed', statusMessage, targetResource: target } };
  }

  function failed(error: unknown, operations: readonly unknown[]): void {
    azure.use(({ path }) =>
      path === OPERATIONS
        ? { body: { value: [{ properties: { provisioningState: 'Succeeded' } }, ...operations] } }
        : deployment('Failed', { error }),
    );
  }

  it('is a state with the deepest cause of its operations, and keeps the correlation id', async () => {
    failed({ code: 'DeploymentFailed', message: 'see operations' }, [
      operation({ error: { code: 'BadRequest', message: 'shallow' } }),
      operation({
        status: 'Failed',
        error: {
          code: 'ResourceDeploymentFailure',
          message: 'outer',
          details: [
            { code: 'Mid', message: 'm', details: [{ code: 'SubnetIsFull', message: 'no address', target: 't' }] },
          ],
        },
      }),
    ]);
    expect(await arm.deployments.get(SCOPE, NAME)).toMatchObject({
      provisioningState: 'Failed',
      problem: {
        code: 'SubnetIsFull',
        message: 'no address',
        target: 't',
        resourceId: CLUSTER,
        correlationId: 'c-1',
        path: ['DeploymentFailed', 'ResourceDeploymentFailure', 'Mid'],
      },
    });
  });

  it('parses a message that is JSON again', async () => {
    const inner = JSON.stringify({ error: { code: 'PrincipalNotFound', message: 'not yet replicated' } }, null, 2);
    failed({ code: 'DeploymentFailed', message: 'm', details: [{ code: 'Conflict', message: inner }] }, [
      operation({ error: { code: 'Conflict', message: inner } }),
    ]);
    const state = await arm.deployments.wait(SCOPE, NAME, undefined);
    expect(state.problem).toMatchObject({
      code: 'PrincipalNotFound',
      message: 'not yet replicated',
      path: ['DeploymentFailed', 'Conflict'],
    });
  });

  it('takes a status message that is a text', async () => {
    failed({ code: 'DeploymentFailed', message: 'm' }, [
      operation(JSON.stringify({ code: 'SkuNotAvailable', message: 'n' })),
    ]);
    expect((await arm.deployments.get(SCOPE, NAME))?.problem).toMatchObject({ code: 'SkuNotAvailable' });
  });

  it('follows the pages of operations and nested deployments', async () => {
    const nested = `/subscriptions/${SUB}/resourceGroups/rg1/providers/Microsoft.Resources/deployments/inner`;
    azure.use(({ path, query }) => {
      if (path === OPERATIONS && !query.has('p')) return { body: { value: [], nextLink: `${ARM}${OPERATIONS}?p=2` } };
      const target = { id: nested, resourceType: 'Microsoft.Resources/deployments' };
      if (path === OPERATIONS)
        return { body: { value: [operation({ error: { code: 'DeploymentFailed', message: 'x' } }, target)] } };
      if (path.endsWith('/deployments/inner/operations'))
        return { body: { value: [operation({ error: { code: 'VaultAlreadyExists', message: 'taken' } })] } };
      return deployment('Failed', { error: { code: 'DeploymentFailed', message: 'm' } });
    });
    expect((await arm.deployments.get(SCOPE, NAME))?.problem).toMatchObject({
      code: 'VaultAlreadyExists',
      resourceId: CLUSTER,
      path: ['DeploymentFailed', 'DeploymentFailed'],
    });
  });

  it('says what the deployment says when its operations may not be read', async () => {
    azure.use(({ path }) =>
      path === OPERATIONS
        ? { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'm' } } }
        : deployment('Failed', {
            error: { code: 'DeploymentFailed', message: 'm', details: [{ code: 'D', message: 'd' }] },
          }),
    );
    expect((await arm.deployments.get(SCOPE, NAME))?.problem).toMatchObject({ code: 'D', path: ['DeploymentFailed'] });
  });

  it('a canceled one says so', async () => {
    azure.use(() => deployment('Canceled'));
    expect((await arm.deployments.get(SCOPE, NAME))?.problem?.code).toBe('DeploymentCanceled');
  });
});

describe('the rest', () => {
  it('get answers undefined for what does not exist', async () => {
    azure.use(() => ({ status: 404, body: { error: { code: 'DeploymentNotFound', message: 'm' } } }));
    expect(await arm.deployments.get(SCOPE, NAME)).toBeUndefined();
  });

  it('cancel and remove send one request each', async () => {
    azure.use(() => ({ status: 204 }));
    await arm.deployments.cancel(SCOPE, NAME);
    await arm.deployments.remove(SCOPE, NAME);
    expect(azure.received.map(({ method, path }) => [method, path])).toEqual([
      ['POST', `${DEPLOYMENT}/cancel`],
      ['DELETE', DEPLOYMENT],
    ]);
  });

  it('a deployment of the subscription stands under it and needs a location', async () => {
    azure.use(() => ({ body: {} }));
    const scope = { subscriptionId: SUB, resourceGroup: undefined };
    await expect(arm.deployments.validate(scope, NAME, REQUEST)).rejects.toMatchObject({
      code: 'AZURE_LOCATION_MISSING',
    });
    await arm.deployments.validate(scope, NAME, { ...REQUEST, location: 'eastus' });
    expect(azure.received[0]?.path).toBe(
      `/subscriptions/${SUB}/providers/Microsoft.Resources/deployments/${NAME}/validate`,
    );
    expect(JSON.parse(azure.received[0]?.body ?? '')).toMatchObject({ location: 'eastus' });
  });
});
