import type { JsonObject, ReadServiceAccount } from '@holdfast/admission';
import { errorMessage } from '@holdfast/base';
import type { KubernetesObject, KubernetesPort } from '@holdfast/deployment';
import type { Logger } from '@holdfast/process';

export interface ServiceAccounts {
  readonly read: ReadServiceAccount;
  stop(): Promise<void>;
}

/**
 * Service accounts of all namespaces, kept current by a watch, so that most pods cost no request. One that is not known is
 * asked for: it may be seconds old.
 */
export function watchServiceAccounts(cluster: Pick<KubernetesPort, 'read' | 'watch'>, logger: Logger): ServiceAccounts {
  const known = new Map<string, KubernetesObject>();
  const stopping = new AbortController();
  const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ''}/${name}`;
  const watching = (async () => {
    for await (const { type, object } of cluster.watch('v1', 'ServiceAccount', { signal: stopping.signal })) {
      const key = keyOf(object.metadata.namespace, object.metadata.name);
      if (type === 'DELETED') known.delete(key);
      else known.set(key, object);
    }
  })().catch((error: unknown) => {
    if (stopping.signal.aborted) return;
    // Without the watch nothing in memory can be believed; reading each still works.
    known.clear();
    logger.warn({ reason: errorMessage(error) }, 'service accounts are no longer watched and read one by one');
  });
  return {
    async read(namespace, name) {
      const object =
        known.get(keyOf(namespace, name)) ??
        (await cluster.read({ apiVersion: 'v1', kind: 'ServiceAccount', namespace, name }));
      return object as unknown as JsonObject | undefined;
    },
    async stop() {
      stopping.abort();
      await watching;
    },
  };
}
