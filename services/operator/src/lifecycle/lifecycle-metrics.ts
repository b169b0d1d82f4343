import type { RefreshEvent } from '@holdfast/core-client';
import { selectSaltSnapshot } from '@holdfast/uid2';
import type { KeysetSnapshot, SaltTable } from '@holdfast/uid2';
import { Counter, Gauge, Summary } from 'prom-client';
import type { Registry } from 'prom-client';

import type { UnhealthyComponent } from '../context.ts';
import type { OperatorState } from '../status.ts';
import type { DecryptionEvent } from '../stores/open-cloud-file.ts';
import type { OptOutSyncEvent } from '../stores/opt-out-sync.ts';

export interface LifecycleMetrics {
  onRefresh(event: RefreshEvent): void;
  onOptOutSync(event: OptOutSyncEvent): void;
  onDecryption(event: DecryptionEvent): void;
  onReady(startupMs: number): void;
}

interface Sources {
  readonly state: () => OperatorState;
  readonly health: () => readonly UnhealthyComponent[];
  readonly components: () => readonly string[];
  /** Undefined before they have loaded. */
  readonly keysets: () => KeysetSnapshot | undefined;
}

/**
 * The lifecycle's part of `/metrics`. Names with `uid2_config_store`, `uid2_store`, `uid2_cloud`, `uid2_second_level_salt`,
 * `uid2_encryption_key` and `_indexed` are the reference's; the rest mirrors `/ops/status`. Gauges are read when they are
 * scraped.
 */
export function createLifecycleMetrics(registry: Registry, sources: Sources): LifecycleMetrics {
  const registers = [registry];
  const scraped = (name: string, help: string, labelNames: readonly string[], read: (gauge: Gauge) => void): void => {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [],
      collect() {
        this.reset();
        read(this);
      },
    });
    registry.registerMetric(gauge);
  };
  const single = (name: string, help: string, read: (state: OperatorState) => number | undefined): void =>
    scraped(name, help, [], (gauge) => {
      const value = read(sources.state());
      // A gauge without a value would show 0, which is a wrong age or deadline.
      gauge.set(value ?? Number.NaN);
    });

  new Gauge({ name: 'app_status', help: 'Always 1; the label is the version.', labelNames: ['version'], registers })
    .labels(sources.state().version)
    .set(1);
  single('uid2_operator_ready', '1 while the API serves.', ({ phase }) => (phase === 'serving' ? 1 : 0));
  single('uid2_operator_attested', '1 while the attestation token is valid.', ({ session }) =>
    session?.attested === true ? 1 : 0,
  );
  single('uid2_operator_attestation_expiry_timestamp_seconds', 'When the attestation token expires.', ({ session }) =>
    inSeconds(session?.expiresAtMs),
  );
  scraped(
    'uid2_operator_shutdown_seconds_left',
    'Seconds until the operator ends itself, by cause; absent while nothing counts down.',
    ['cause', 'subject'],
    (gauge) => {
      const { countdowns, nowMs } = sources.state();
      for (const { cause, subject, deadlineMs } of countdowns) {
        gauge.labels(cause, subject ?? '').set(Math.max(0, (deadlineMs - nowMs) / 1000));
      }
    },
  );
  addStoreGauges(scraped, sources);
  addSaltGauges(single);
  addOptOutGauges(single);
  scraped(
    'uid2_encryption_key_activates',
    'When the youngest key that a site uses now was activated, seconds.',
    ['site_id'],
    (gauge) => {
      const activated = new Map<number, number>();
      for (const { siteId, key } of sources.keysets()?.activeKeys(sources.state().nowMs) ?? []) {
        activated.set(siteId, Math.max(activated.get(siteId) ?? 0, key.activatesSeconds));
      }
      for (const [siteId, seconds] of activated) gauge.labels(String(siteId)).set(seconds);
    },
  );
  scraped('uid2_component_health', '1 while the component is healthy.', ['component'], (gauge) => {
    const unhealthy = new Set(sources.health().map(({ component }) => component));
    for (const component of new Set([...sources.components(), ...unhealthy])) {
      gauge.labels(component).set(unhealthy.has(component) ? 0 : 1);
    }
  });
  return addCounters(registers);
}

type Scraped = (name: string, help: string, labels: readonly string[], read: (gauge: Gauge) => void) => void;
type Single = (name: string, help: string, read: (state: OperatorState) => number | undefined) => void;

function addStoreGauges(scraped: Scraped, sources: Sources): void {
  const perStore = (
    name: string,
    help: string,
    read: (store: OperatorState['stores'][number], state: OperatorState) => number | undefined,
  ): void =>
    scraped(name, help, ['store'], (gauge) => {
      const state = sources.state();
      for (const store of state.stores) {
        const value = read(store, state);
        if (value !== undefined) gauge.labels(store.name).set(value);
      }
    });
  perStore('uid2_config_store_version', 'Version of the loaded snapshot.', (store) =>
    store.loaded ? store.version : undefined,
  );
  perStore(
    'uid2_config_store_entry_count',
    'Entries of the loaded snapshot.',
    (store, state) => state.entryCounts[store.name],
  );
  perStore(
    'uid2_config_store_consecutive_refresh_failures',
    'Refreshes that failed since the last success.',
    (store) => store.consecutiveFailures,
  );
  perStore('uid2_config_store_age_seconds', 'Seconds since the last successful refresh.', (store, { nowMs }) =>
    store.refreshedAtMs === undefined ? undefined : (nowMs - store.refreshedAtMs) / 1000,
  );
}

function addSaltGauges(single: Single): void {
  single('uid2_second_level_salt_current_effective', 'Since when the salts in use are effective, ms.', (state) => {
    return selectSaltSnapshot(state.salts, state.nowMs)?.snapshot.effective;
  });
  single('uid2_second_level_salt_expiry_timestamp_seconds', 'When the salts in use expire.', (state) =>
    inSeconds(selectSaltSnapshot(state.salts, state.nowMs)?.snapshot.expires),
  );
  const updates = new WeakMap<SaltTable, { readonly min: number; readonly max: number }>();
  const bounds = (state: OperatorState): { readonly min: number; readonly max: number } | undefined => {
    const table = selectSaltSnapshot(state.salts, state.nowMs)?.snapshot.table;
    if (table === undefined) return undefined;
    const known = updates.get(table) ?? lastUpdatedBounds(table);
    updates.set(table, known);
    return known;
  };
  single(
    'uid2_second_level_salt_last_updated_max',
    'Latest update of any salt in use, ms.',
    (state) => bounds(state)?.max,
  );
  single(
    'uid2_second_level_salt_last_updated_min',
    'Earliest update of any salt in use, ms.',
    (state) => bounds(state)?.min,
  );
}

function addOptOutGauges(single: Single): void {
  single('uid2_optout_entries_indexed', 'Opt-out records in the index.', ({ optOut }) => optOut?.records ?? 0);
  single('uid2_optout_list_age_seconds', 'Seconds since the last complete opt-out sync.', ({ optOut, nowMs }) =>
    optOut?.syncedAtMs === undefined ? undefined : (nowMs - optOut.syncedAtMs) / 1000,
  );
  single('uid2_optout_list_stale', '1 while the opt-out list is older than its limit and the API refuses.', (state) =>
    state.optOut?.stale === true ? 1 : 0,
  );
}

function addCounters(registers: Registry[]): LifecycleMetrics {
  const counter = (name: string, help: string): Counter =>
    new Counter({ name, help, labelNames: ['store'], registers });
  const refreshed = counter('uid2_config_store_refreshed_total', 'Successful refreshes.');
  const refreshMs = counter('uid2_config_store_refreshtime_ms_total', 'Time spent in refreshes, ms.');
  const failures = counter('uid2_config_store_refresh_failures_total', 'Failed refreshes.');
  const synced = counter('uid2_cloud_refreshed_total', 'Complete opt-out syncs.');
  const syncFailures = counter('uid2_cloud_refresh_failures_total', 'Failed opt-out syncs.');
  const downloaded = counter('uid2_cloud_downloaded_total', 'Opt-out files read.');
  const decryptions = new Counter({
    name: 'uid2_cloud_decryption_runs_total',
    help: 'Encrypted store files opened, or not.',
    labelNames: ['key_id', 'store', 'status'],
    registers,
  });
  const unlabelled = (name: string, help: string): Counter => new Counter({ name, help, registers });
  const deltas = unlabelled('uid2_optout_deltas_indexed_total', 'Opt-out deltas that came into the index.');
  const partitions = unlabelled('uid2_optout_partitions_indexed_total', 'Opt-out partitions that came into the index.');
  const updates = unlabelled('uid2_optout_index_updated_total', 'Times the opt-out index took new files.');
  const durations = new Summary({
    name: 'uid2_store_refresh_duration_seconds',
    help: 'Time spent in refreshes.',
    labelNames: ['store_name'],
    percentiles: [],
    registers,
  });
  const startup = new Gauge({
    name: 'uid2_operator_startup_duration_seconds',
    help: 'Seconds from the start of the process to serving.',
    registers,
  });
  return {
    onRefresh(event) {
      (event.result === 'refreshed' ? refreshed : failures).labels(event.store).inc();
      const durationMs = Math.max(0, event.durationMs);
      refreshMs.labels(event.store).inc(durationMs);
      durations.labels(event.store).observe(durationMs / 1000);
    },
    onOptOutSync(event) {
      (event.result === 'synced' ? synced : syncFailures).labels('optout').inc();
      if (event.result !== 'synced') return;
      downloaded.labels('optout').inc(event.added);
      partitions.inc(event.addedPartitions);
      deltas.inc(event.added - event.addedPartitions);
      if (event.added > 0) updates.inc();
    },
    onDecryption({ keyId, store, status }) {
      decryptions.labels(String(keyId), store, status).inc();
    },
    onReady(startupMs) {
      startup.set(startupMs / 1000);
    },
  };
}

function lastUpdatedBounds(table: SaltTable): { readonly min: number; readonly max: number } {
  let min = Infinity;
  let max = -Infinity;
  for (let index = 0; index < table.size; index++) {
    const updated = table.lastUpdated(index);
    if (updated < min) min = updated;
    if (updated > max) max = updated;
  }
  return { min, max };
}

function inSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
