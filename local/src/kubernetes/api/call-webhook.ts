import { DependencyError } from '@holdfast/base';
import { Agent, request } from 'undici';

import type { CallWebhook } from './backend.ts';

const MAX_ANSWER_BYTES = 3 * 1024 * 1024;

/** A caller of webhooks over the network. Connections are kept for each authority and name. */
export function createWebhookCaller(): { readonly call: CallWebhook; close(): Promise<void> } {
  const agents = new Map<string, Agent>();
  const agentFor = (ca: string, serverName: string | undefined): Agent => {
    const key = `${serverName ?? ''}|${ca}`;
    const known = agents.get(key);
    if (known !== undefined) return known;
    const connect = {
      timeout: 5_000,
      ...(ca === '' ? {} : { ca }),
      ...(serverName === undefined ? {} : { servername: serverName }),
    };
    const agent = new Agent({ connect, maxResponseSize: MAX_ANSWER_BYTES });
    agents.set(key, agent);
    return agent;
  };
  return {
    call: async ({ url, ca, serverName, body, timeoutMs }) => {
      if (!url.startsWith('https://')) {
        throw new DependencyError('KUBERNETES_WEBHOOK_FAILED', `${url} is not https`, { retryable: false });
      }
      const answer = await request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body,
        dispatcher: agentFor(ca, serverName),
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: answer.statusCode, body: await answer.body.text() };
    },
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
    },
  };
}
