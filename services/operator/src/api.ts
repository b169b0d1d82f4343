import { InternalError } from '@holdfast/base';
import { selectSaltSnapshot } from '@holdfast/uid2';
import type { SaltSnapshot } from '@holdfast/uid2';

import { BatchTurns } from './batch-turns.ts';
import type { OperatorContext } from './context.ts';
import { IdentityMapper } from './identity-mapper.ts';
import { MapWorkerPool } from './map-workers/map-worker-pool.ts';
import { createRequestMetrics } from './request-metrics.ts';
import type { RequestMetrics } from './request-metrics.ts';
import { TestIdentityCache } from './opt-out-decision.ts';

/** What every route shares: the context and the few things that live as long as the application. */
export interface OperatorApi {
  readonly context: OperatorContext;
  readonly metrics: RequestMetrics;
  readonly testIdentities: TestIdentityCache;
  readonly batches: BatchTurns;
  /** Maps on the event loop's thread; made at the first call. */
  readonly mapper: () => IdentityMapper;
  /** Maps on other threads. */
  readonly mapWorkers: MapWorkerPool;
}

export function createApi(context: OperatorContext): OperatorApi {
  const { settings, logger } = context;
  const { identityScope, identityV3, phoneSupport } = settings;
  const mapSettings = { identityScope, identityV3, phoneSupport };
  let mapper: IdentityMapper | undefined;
  return {
    context,
    metrics: createRequestMetrics(context.metrics, context.stores),
    testIdentities: new TestIdentityCache(context.settings.identityScope),
    batches: new BatchTurns(),
    mapper: () => (mapper ??= new IdentityMapper(mapSettings)),
    mapWorkers: new MapWorkerPool({ workers: settings.mapWorkers, settings: mapSettings, logger }),
  };
}

/**
 * The salts that serve at `nowMs`. Called once per request; tells the lifecycle whether they have expired.
 * @throws InternalError SALTS_NOT_LOADED which the gate keeps from happening
 */
export function selectSalts(context: OperatorContext, nowMs: number): SaltSnapshot {
  const selected = selectSaltSnapshot(context.stores.salts(), nowMs);
  if (selected === undefined) throw new InternalError('SALTS_NOT_LOADED', 'no salt snapshot is loaded');
  context.onSaltSelection(selected.expired);
  return selected.snapshot;
}
