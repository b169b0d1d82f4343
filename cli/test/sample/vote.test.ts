import { DependencyError, toUtf8 } from '@holdfast/base';
import { readManifests } from '@holdfast/policy';
import { describe, expect, it } from 'vitest';

import { VotePage } from '../../src/sample/vote/vote-page.ts';
import { applicationObjects, closedClass, secretObjects, wrongPod } from '../../src/sample/vote/vote-objects.ts';
import { capture } from '../captured-io.ts';

const ids = { tenantId: 'tenant-1', clientId: 'client-1' };

function pageOf(status: number, html: string) {
  const sent: unknown[] = [];
  const client = {
    send: async (request: object) => {
      sent.push(request);
      return { status, headers: {}, body: toUtf8(html) };
    },
  };
  return { page: new VotePage(client, 'http://127.80.2.1/'), sent };
}

describe('the page of the voting sample', () => {
  it('says how many votes each choice has', async () => {
    const { page } = pageOf(200, '<p class="results"> Cats - 12 | Dogs - 3 </p>');
    expect(await page.votes()).toEqual({ Cats: 12, Dogs: 3 });
  });

  it('takes a vote as a browser sends it', async () => {
    const { page, sent } = pageOf(200, '<p class="results"> A - b - 1 | Dogs - 0 </p>');
    expect(await page.vote('A - b')).toEqual({ 'A - b': 1, Dogs: 0 });
    expect(sent).toMatchObject([{ method: 'POST', body: 'vote=A+-+b' }]);
  });

  it.each([
    ['an error', 500, '<p class="results"> Cats - 1 | Dogs - 0 </p>'],
    ['another page', 200, '<p>hello</p>'],
  ])('is not there when it shows %s', async (_what, status, html) => {
    await expect(pageOf(status, html).page.votes()).rejects.toThrow(DependencyError);
  });
});

const read = (yaml: string): unknown => readManifests(toUtf8(yaml)).documents[0]?.value;

describe('the objects of the voting sample', () => {
  it('have the ids of the cloud they are applied to', async () => {
    const [podClass] = await secretObjects('pod', ids);
    expect(podClass).toMatchObject({ spec: { parameters: { usePodIdentity: 'true', tenantId: 'tenant-1' } } });
    const [account, workloadClass] = await secretObjects('workload', ids);
    expect(account).toMatchObject({
      kind: 'ServiceAccount',
      metadata: { annotations: { 'azure.workload.identity/client-id': 'client-1' } },
    });
    expect(workloadClass).toMatchObject({ spec: { parameters: { clientID: 'client-1', tenantId: 'tenant-1' } } });
    expect(JSON.stringify([podClass, account, workloadClass])).not.toMatch(/<[^>]*>/);
  });

  it('name two secrets of the vault in YAML inside of YAML', async () => {
    const [found] = await secretObjects('pod', ids);
    const { objects } = (found as unknown as { spec: { parameters: { objects: string } } }).spec.parameters;
    const { array } = read(objects) as { array: string[] };
    expect(array.map(read)).toEqual([
      { objectName: 'redis-host', objectType: 'secret' },
      { objectName: 'redis-key', objectType: 'secret' },
    ]);
  });

  it('have counterparts with one thing wrong that no Service finds', async () => {
    const application = await applicationObjects('pod');
    expect(wrongPod(application, 'stranger', { binding: 'other' })).toMatchObject({
      kind: 'Pod',
      metadata: { name: 'stranger', labels: { app: 'stranger', aadpodidbinding: 'other' } },
      spec: { volumes: [{ csi: { volumeAttributes: { secretProviderClass: 'azure-vote' } } }] },
    });
    expect(wrongPod(application, 'refused', { secretProviderClass: 'closed' })).toMatchObject({
      metadata: { labels: { aadpodidbinding: 'azure-vote' } },
      spec: { volumes: [{ csi: { volumeAttributes: { secretProviderClass: 'closed' } } }] },
    });
    expect(closedClass(await secretObjects('pod', ids))).toMatchObject({
      metadata: { name: 'azure-vote-closed' },
      spec: { parameters: { keyvaultName: 'azure-vote-closed', usePodIdentity: 'true' } },
    });
  });
});

describe('holdfast sample vote', () => {
  it('says what is missing before anything is started', async () => {
    const { exitCode, stderr } = await capture(['sample', 'vote', '--check'], {
      cwd: '/nowhere',
      env: { HOLDFAST_REDIS_SERVER: '' },
    });
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/apt install redis-server.*SAMPLE_NEEDS_REDIS/s)]);
  });

  it('has nothing to migrate where it begins with workload identity', async () => {
    const { exitCode, stderr } = await capture(['sample', 'vote', '--identity', 'workload', '--migrate'], {
      cwd: '/nowhere',
    });
    expect([exitCode, stderr]).toEqual([64, expect.stringContaining('SAMPLE_NOTHING_TO_MIGRATE')]);
  });
});
