import { fromUtf8 } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';
import { CoreSession, createInstanceId, RotatingStore, trustedEvidence } from '@holdfast/core-client';
import { parseOperators, parsePartners, parseStoreMetadata } from '@holdfast/uid2';
import type { OperatorRecord, PartnerRecord, StoreMetadata } from '@holdfast/uid2';

import type { OptOutContext } from './context.ts';

/** This service's standing with Core, as a trusted public service, and the operators and partners it follows there. */
export interface OperatorsFeed {
  start(): void;
  stop(): Promise<void>;
}

/** Follows `/operators/refresh`, and `/partners/refresh` where partners are told; every new list is handed to the context. */
export function createOperatorsFeed(context: OptOutContext, version: string, randomBytes: RandomBytes): OperatorsFeed {
  const { config, events } = context;
  const session = new CoreSession({
    attestUrl: config.core_attest_url,
    operatorKey: config.core_api_token,
    evidence: trustedEvidence(),
    application: { name: 'uid2-optout', version, components: {} },
    operatorType: 'public',
    instanceId: createInstanceId(config.uid_instance_id_prefix, randomBytes),
    onRenewalFailure: (error) => events.attestationRenewalFailed(error),
  });
  const store = new RotatingStore<readonly OperatorRecord[], StoreMetadata>({
    name: 'operators',
    intervalMs: config.operators_refresh_ms,
    source: {
      async fetchMetadata() {
        const text = await session.downloadMetadata(config.operators_metadata_path);
        const metadata = parseStoreMetadata(text, 'operators');
        return { version: metadata.version, metadata };
      },
      async load(metadata) {
        const records = parseOperators(fromUtf8(await session.downloadContent(metadata.location)));
        context.useOperators(records);
        return records;
      },
    },
    onRefresh(event) {
      if (event.result === 'failed') events.operatorsFailed(event.error, event.first);
    },
  });
  const { partners_metadata_path: partnersUrl } = config;
  const partners =
    partnersUrl === undefined || context.forwarding === undefined
      ? undefined
      : new RotatingStore<readonly PartnerRecord[], StoreMetadata>({
          name: 'partners',
          intervalMs: config.operators_refresh_ms,
          source: {
            async fetchMetadata() {
              const metadata = parseStoreMetadata(await session.downloadMetadata(partnersUrl), 'partners');
              return { version: metadata.version, metadata };
            },
            async load(metadata) {
              const records = parsePartners(fromUtf8(await session.downloadContent(metadata.location)));
              context.usePartners(records);
              return records;
            },
          },
          onRefresh(event) {
            if (event.result === 'failed') events.partnersFailed(event.error);
          },
        });
  return {
    start() {
      store.start();
      partners?.start();
    },
    async stop() {
      // Closing the session ends a download under way, so the stores do not have to wait for it.
      await Promise.all([session.close(), store.stop(), partners?.stop()]);
    },
  };
}
