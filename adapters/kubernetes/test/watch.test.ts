import type { ServerResponse } from 'node:http';

import type { KubernetesPort, WatchEvent } from '@holdfast/deployment';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openKubernetes } from '../src/index.ts';
import { kubeconfigFor, sendJson, sendStatus, startFakeApiServer } from '../testing/fake-api-server.ts';
import type { FakeApiServer, ReceivedCall } from '../testing/fake-api-server.ts';

let server: FakeApiServer;
let cluster: KubernetesPort;

beforeAll(async () => {
  server = await startFakeApiServer();
  const skip = { 'insecure-skip-tls-verify': true };
  cluster = await openKubernetes(kubeconfigFor({ server: server.url, cluster: skip }), { retryDelayMs: 1 });
});
afterAll(async () => {
  await server.close();
});

function pod(name: string, version: number): object {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'n', resourceVersion: String(version) } };
}

/** Answers one watch after another as told; the last one stays open. */
function script(
  lists: readonly (readonly object[])[],
  watches: readonly ((response: ServerResponse, call: ReceivedCall) => void)[],
): void {
  let listed = 0;
  let watched = 0;
  server.use((call, response) => {
    if (call.query.get('watch') !== 'true') {
      listed += 1;
      sendJson(response, { metadata: { resourceVersion: String(listed * 100) }, items: lists[listed - 1] ?? [] });
      return;
    }
    watched += 1;
    response.writeHead(200);
    response.flushHeaders();
    watches[watched - 1]?.(response, call);
  });
}

function event(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}

async function take(count: number, onEvent?: (seen: string) => void): Promise<readonly string[]> {
  const controller = new AbortController();
  const seen: string[] = [];
  for await (const { type, object } of cluster.watch('v1', 'Pod', { signal: controller.signal, namespace: 'n' })) {
    seen.push(`${type} ${object.metadata.name}`);
    onEvent?.(`${type} ${object.metadata.name}`);
    if (seen.length === count) controller.abort();
  }
  return seen;
}

function watchVersions(): readonly (string | null)[] {
  return server.received.filter(({ query }) => query.has('watch')).map(({ query }) => query.get('resourceVersion'));
}

describe('watch', () => {
  it('begins with what is there, then tells changes, and bookmarks are not told', async () => {
    let rest = (): void => undefined;
    script(
      [[pod('a', 1)]],
      [
        (response) => {
          const text =
            event('MODIFIED', pod('a', 101)) +
            event('BOOKMARK', pod('', 102)) +
            event('ADDED', pod('ü', 103)) +
            event('DELETED', pod('a', 104));
          // Cut in the middle of a character: lines must not be read piece by piece.
          const bytes = Buffer.from(text);
          const middle = bytes.indexOf(Buffer.from('ü')) + 1;
          response.write(bytes.subarray(0, middle));
          rest = () => void response.write(bytes.subarray(middle));
        },
      ],
    );
    const seen = await take(4, (one) => {
      if (one === 'MODIFIED a') rest();
    });
    expect(seen).toEqual(['ADDED a', 'MODIFIED a', 'ADDED ü', 'DELETED a']);
    expect(server.received[1]?.query.get('allowWatchBookmarks')).toBe('true');
  });

  it('goes on from the last version, bookmarks included, over connections that close or break', async () => {
    script(
      [[]],
      [
        (response) => response.end(event('ADDED', pod('a', 101)) + event('BOOKMARK', pod('', 110))),
        (response) => response.write(event('ADDED', pod('b', 111)), () => response.destroy()),
        (response) => response.end(),
        (response) => response.write(event('ADDED', pod('c', 112))),
      ],
    );
    expect(await take(3)).toEqual(['ADDED a', 'ADDED b', 'ADDED c']);
    expect(watchVersions()).toEqual(['100', '110', '111', '111']);
  });

  const gone = (response: ServerResponse): void => {
    response.end(event('ERROR', { kind: 'Status', code: 410, reason: 'Expired' }));
  };

  it('lists anew after 410 and tells what was missed, removals included', async () => {
    script(
      [
        [pod('stays', 1), pod('changes', 2), pod('goes', 3)],
        [pod('stays', 1), pod('changes', 5), pod('comes', 6)],
      ],
      [gone, (response) => response.write(event('MODIFIED', pod('stays', 201)))],
    );
    expect(await take(7)).toEqual([
      'ADDED stays',
      'ADDED changes',
      'ADDED goes',
      'DELETED goes',
      'MODIFIED changes',
      'ADDED comes',
      'MODIFIED stays',
    ]);
    expect(watchVersions()).toEqual(['100', '200']);
  });

  it('takes an answer of 410 for the same', async () => {
    let watched = 0;
    server.use(({ query }, response) => {
      if (query.get('watch') !== 'true')
        sendJson(response, { metadata: { resourceVersion: '7' }, items: [pod(`p${watched}`, 1)] });
      else if ((watched += 1) === 1) sendStatus(response, 410, 'Gone');
      else response.writeHead(200).flushHeaders();
    });
    expect(await take(3)).toEqual(['ADDED p0', 'DELETED p0', 'ADDED p1']);
  });

  it('throws what does not pass, such as a missing right', async () => {
    server.use(({ query }, response) =>
      query.get('watch') === 'true'
        ? sendStatus(response, 403, 'Forbidden')
        : sendJson(response, { metadata: {}, items: [] }),
    );
    await expect(take(1)).rejects.toMatchObject({ code: 'KUBERNETES_REFUSED' });
  });

  it('ends without an error when it is aborted before it began', async () => {
    const events: WatchEvent[] = [];
    for await (const one of cluster.watch('v1', 'Pod', { signal: AbortSignal.abort() })) events.push(one);
    expect(events).toEqual([]);
  });
});
