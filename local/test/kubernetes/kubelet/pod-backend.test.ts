import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { ProxyRequest } from '../../../src/kubernetes/api/backend.ts';
import { readLog } from '../../../src/kubernetes/kubelet/pod-log.ts';
import { temporaryFolder } from '../../../testing/temporary-folder.ts';
import { RunningCluster } from './test-local-cluster.ts';

const STAY = 'setInterval(() => {}, 1000)';

describe('LocalPodBackend', () => {
  it('refuses logs that are not there, in the words of the kubelet', async () => {
    await using cluster = await RunningCluster.start({}, false);
    cluster.applyPod('foreign', { container: { image: 'nobody/nothing:1' } });
    await cluster.until(() => JSON.stringify(cluster.container('foreign')).includes('ImagePullBackOff'));
    expect(await cluster.log('foreign')).toMatch(/^refused: container "app" in pod "foreign" is waiting to start: /);
    expect(await cluster.log('foreign', { container: 'other' })).toBe(
      'refused: container other is not valid for pod foreign',
    );
    expect(await cluster.log('foreign', { previous: true })).toBe(
      'refused: previous terminated container "app" in pod "foreign" not found',
    );
  });

  it('shows the last lines, and follows a log until the container ends', async () => {
    await using cluster = await RunningCluster.start({}, false);
    const go = join(cluster.folder, 'go');
    const script = `console.log('one'); console.log('two'); setInterval(() => {
      if (require('node:fs').existsSync(process.env.GO)) { console.log('three'); process.exit(0); } }, 5)`;
    const env = [{ name: 'GO', value: go }];
    cluster.applyPod('talks', { script, container: { env }, spec: { restartPolicy: 'Never' } });
    await cluster.until(async () => (await cluster.log('talks').catch(() => '')).includes('two'));
    expect(await cluster.log('talks', { tailLines: 1 })).toBe('two\n');
    expect(await cluster.log('talks', { limitBytes: 3 })).toBe('one');
    let text = '';
    for await (const piece of cluster.openLog('talks', { follow: true })) {
      text += Buffer.from(piece).toString();
      if (text === 'one\ntwo\n') await appendFile(go, '');
    }
    expect(text).toBe('one\ntwo\nthree\n');
  });

  it('stops following when nobody listens any more', async () => {
    await using cluster = await RunningCluster.start({}, false);
    cluster.applyPod('talks', { script: `console.log('one'); ${STAY}` });
    await cluster.until(async () => (await cluster.log('talks').catch(() => '')).includes('one'));
    const stop = new AbortController();
    const pieces: string[] = [];
    for await (const piece of cluster.openLog('talks', { follow: true, signal: stop.signal })) {
      pieces.push(Buffer.from(piece).toString());
      stop.abort();
    }
    expect(pieces).toEqual(['one\n']);
  });

  it('passes requests on to a port of a pod, and says when nobody listens there', async () => {
    await using cluster = await RunningCluster.start({}, false);
    const script = `require('node:http').createServer((q, s) => { s.statusCode = 418; s.setHeader('x-seen', q.url); s.end(q.method); })
      .listen(8080, () => console.log('up'))`;
    cluster.applyPod('web', { script });
    await cluster.until(async () => (await cluster.log('web').catch(() => '')).includes('up'));
    const pod = cluster.store.get({ apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'default' });
    if (pod === undefined) throw new Error('there is a pod');
    const request: ProxyRequest = {
      method: 'GET',
      path: '/ops/healthcheck?x=1',
      headers: {},
      body: undefined,
      scheme: 'http',
      signal: new AbortController().signal,
    };
    const answer = await cluster.local.backend.proxy(pod, 8080, request);
    expect(answer).toMatchObject({ status: 418, headers: { 'x-seen': '/ops/healthcheck?x=1' } });
    expect(Buffer.from(answer.body).toString()).toBe('GET');
    await expect(cluster.local.backend.proxy(pod, 9, request)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  });
});

describe('readLog', () => {
  it.each([
    ['a\nb\nc\n', 2, 'b\nc\n'],
    ['a\nb\nc', 2, 'b\nc'],
    ['a\nb\nc\n', 0, ''],
    ['a\n', 5, 'a\n'],
    ['', 3, ''],
    [`${'x'.repeat(70_000)}\ny\n`, 1, 'y\n'],
    [`${'x'.repeat(70_000)}\ny\n`, 2, `${'x'.repeat(70_000)}\ny\n`],
  ])('answers the last lines of a log', async (content, tailLines, expected) => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'log');
    await appendFile(file, content);
    let text = '';
    for await (const piece of readLog(file, { tailLines, limitBytes: undefined, follow: undefined })) {
      text += Buffer.from(piece).toString();
    }
    expect(text).toBe(expected);
  });
});
