import { untilAborted } from '../until-aborted.ts';
import type { AnswerLog, CallRecord } from './answer-log.ts';
import { azureError } from './azure-error.ts';
import { isObject } from './azure-problem.ts';
import type { Sdk } from './sdk.ts';
import type { Wire } from './wire.ts';

/** The text of a deployment that needs no poller: it has ended already, and is found by its name. */
export const NOTHING_TO_FOLLOW = '{}';

/** A poller that is done already carries its result, which may be long and is read again anyway. */
export function withoutResult(serialized: string): string {
  const { state } = JSON.parse(serialized) as { state: Record<string, unknown> };
  return JSON.stringify({ state: { ...state, result: undefined, error: undefined } });
}

/** Whether the text is a running poller whose addresses belong to the endpoint: following them sends a token there. */
export function isFollowable(wire: Wire, started: string): boolean {
  try {
    const { state } = JSON.parse(started) as {
      state?: { status?: unknown; config?: Readonly<Record<string, unknown>> };
    };
    const { operationLocation, resourceLocation, initialRequestUrl } = state?.config ?? {};
    for (const url of [operationLocation, resourceLocation, initialRequestUrl]) {
      if (typeof url === 'string') wire.urlOf({ path: url, apiVersion: undefined });
    }
    return state?.status === 'running' && typeof initialRequestUrl === 'string';
  } catch {
    return false; // then the deployment is found by its name
  }
}

/**
 * Waits with the restored poller of the SDK. However it ends, the deployment itself is asked afterwards; so a poller that
 * Azure has forgotten, or that fails without a reason, is no error here. Throws AzureError when the signal aborts.
 */
export async function followStarted(
  { sdk, log, wire }: { readonly sdk: Sdk; readonly log: AnswerLog; readonly wire: Wire },
  deployment: { readonly subscriptionId: string; readonly started: string },
  signal: AbortSignal,
  report: (state: string) => void,
): Promise<void> {
  const record: CallRecord = { answer: undefined };
  try {
    signal.throwIfAborted();
    await log.run(record, async () => {
      const client = sdk.client(deployment.subscriptionId);
      const options = { abortSignal: signal, updateIntervalInMs: wire.pollIntervalMs };
      const poller = sdk.module.restorePoller(client, deployment.started, client.deployments.createOrUpdate, options);
      poller.onProgress(() => {
        const body = record.answer?.body;
        // Its last question is about the deployment itself, which has no status.
        if (isObject(body) && typeof body['status'] === 'string') report(body['status']);
      });
      await untilAborted(poller.pollUntilDone({ abortSignal: signal }), signal);
    });
  } catch (thrown) {
    if (signal.aborted) throw azureError(thrown, { answer: undefined, signal, doing: 'waiting for a deployment' });
  }
}
