import { createHash } from 'node:crypto';

import { DependencyError, errorMessage } from '@holdfast/base';
import type { RandomBytes, Secret } from '@holdfast/base';
import {
  azureCcEvidence,
  CoreSession,
  createInstanceId,
  generateAttestationKeys,
  trustedEvidence,
} from '@holdfast/core-client';
import type { AttestationKeys, AttestOutcome, EvidenceSource, RefreshEvent, Timers } from '@holdfast/core-client';
import type { Logger } from '@holdfast/process';
import { serviceLinkKey } from '@holdfast/uid2';
import type { Registry } from 'prom-client';

import type { OperatorConfig } from '../config.ts';
import type { OperatorContext, ServiceGate, UnhealthyComponent } from '../context.ts';
import { worldSource } from '../serving-threads/world-parts.ts';
import type { WorldSource } from '../serving-threads/world-parts.ts';
import { operatorStatus } from '../status.ts';
import type { OperatorState, Phase } from '../status.ts';
import { OptOutSync } from '../stores/opt-out-sync.ts';
import type { OptOutSyncEvent } from '../stores/opt-out-sync.ts';
import { HttpOptOutWriter } from '../stores/opt-out-writer.ts';
import { StoreSet } from '../stores/store-set.ts';
import { VERSION } from '../version.ts';
import { checkCoreReachable, checkOperatorKey } from './launch-checks.ts';
import { createLifecycleMetrics } from './lifecycle-metrics.ts';
import type { LifecycleMetrics } from './lifecycle-metrics.ts';
import { obtainOperatorKey } from './operator-key.ts';
import type { FetchSecret } from './operator-key.ts';
import { podTerminationMonitor } from './pod-termination.ts';
import { NOT_READY, serviceGate, staleReason } from './service-gate.ts';
import type { GateState } from './service-gate.ts';
import { ShutdownRules } from './shutdown-rules.ts';
import { waitForSidecar } from './wait-for-sidecar.ts';

/** What the lifecycle takes from outside, so that tests can put something else there. */
export interface LifecycleParts {
  readonly timers: Timers;
  readonly random: RandomBytes;
  readonly fetchSecret?: FetchSecret;
  /** When the start began, from which its duration counts; when the lifecycle was made, if missing. */
  readonly startedAtMs?: number;
}

export interface LifecycleOptions extends LifecycleParts {
  readonly config: OperatorConfig;
  readonly logger: Logger;
  readonly metrics: Registry;
  /** Ends the process with this error. */
  readonly fail: (error: unknown) => void;
  /** Called with the context that `listen` gets, while the stores still load. */
  readonly prepare?: (context: OperatorContext) => void;
  /** Opens the service port; answers its URL. `world` is for listeners on other threads. */
  readonly listen: (context: OperatorContext, world: WorldSource) => Promise<string>;
  /** Called when a store, the opt-out list or the gate may have changed. */
  readonly onChange?: () => void;
}

/** The parts that exist once the operator key is known. */
interface Machinery {
  readonly session: CoreSession;
  readonly stores: StoreSet;
  readonly optOut: OptOutSync;
  readonly writer: HttpOptOutWriter;
}

/**
 * An operator's life: key, launch checks, sidecar, attestation, stores and opt-outs, service port; then the rules that end
 * it. The service port opens only when every store and the opt-out list are complete. Until then `health()` and `status()`
 * say what is missing.
 */
export class OperatorLifecycle {
  readonly #options: LifecycleOptions;
  readonly #abort = new AbortController();
  readonly #rules: ShutdownRules;
  readonly #metrics: LifecycleMetrics;
  readonly #evidence: EvidenceSource;
  readonly #podTermination: () => UnhealthyComponent | undefined;
  readonly #startedAtMs: number;
  readonly #instanceId: string;
  #machinery: Machinery | undefined;
  #phase: Exclude<Phase, 'refusing'> = 'starting';
  #httpReason: string | undefined = 'not started';

  constructor(options: LifecycleOptions) {
    const { config, timers, logger } = options;
    this.#options = options;
    this.#startedAtMs = options.startedAtMs ?? timers.now();
    this.#instanceId = createInstanceId(instanceIdPrefix(config, this.#startedAtMs), options.random);
    this.#evidence =
      config.platform === 'azure-cc'
        ? azureCcEvidence({ sidecarUrl: config.sidecarUrl, maaEndpoint: config.maaEndpoint })
        : trustedEvidence();
    this.#podTermination = podTerminationMonitor(config.podTermination, timers.now);
    this.#rules = new ShutdownRules({
      timers,
      saltsExpiredLimitMs: config.saltsExpiredShutdownMs,
      storeStaleLimitMs: config.storeStaleShutdownMs,
      stores: () => this.#machinery?.stores.states() ?? [],
      shutDown: (error) => this.#fail(error),
      warn: (fields, message) => logger.warn(fields, message),
    });
    this.#metrics = createLifecycleMetrics(options.metrics, {
      state: () => this.state(),
      health: () => this.health(),
      components: () => this.#components(),
      keysets: () => this.#machinery?.stores.peekKeysetSnapshot(),
    });
  }

  /** Runs the start-up to serving. Failures go to `fail`; the promise never rejects. */
  async run(): Promise<void> {
    try {
      await this.#startUp();
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#fail(error);
    }
  }

  /** Ends all waiting and all loops. The service port is closed by whoever opened it, before this. */
  async stop(): Promise<void> {
    this.#phase = 'stopping';
    this.#abort.abort(new Error('the operator is stopping'));
    this.#rules.stop();
    const { session, stores, optOut, writer } = this.#machinery ?? {};
    // The session first: it ends the downloads that the loops wait for.
    await session?.close();
    await Promise.all([stores?.stop(), optOut?.stop(), writer?.close()]);
  }

  /** Health turns bad so that load balancers drain before the port closes. */
  beginStop(): void {
    this.#phase = 'stopping';
  }

  /** All unhealthy components, as `GET /ops/healthcheck` lists them. */
  health(): readonly UnhealthyComponent[] {
    const unhealthy: UnhealthyComponent[] = [];
    const pod = this.#podTermination();
    if (pod !== undefined) unhealthy.push(pod);
    if (this.#phase === 'stopping') unhealthy.push({ component: 'operator', reason: 'the operator is stopping' });
    if (this.#httpReason !== undefined) unhealthy.push({ component: 'http-server', reason: this.#httpReason });
    for (const store of this.#machinery?.stores.states() ?? []) {
      if (store.loaded) continue;
      unhealthy.push({ component: `${store.name}-rotator`, reason: store.lastError ?? 'still starting' });
    }
    const optOut = this.#machinery?.optOut.state;
    if (optOut !== undefined && !optOut.synced) {
      unhealthy.push({ component: 'cloudsync-optout', reason: optOut.lastError ?? 'still starting' });
    } else if (optOut?.stale === true) {
      unhealthy.push({ component: 'cloudsync-optout', reason: this.#staleReason() });
    }
    return unhealthy;
  }

  /** Set while the API must not serve. */
  gate(): ServiceGate | undefined {
    return serviceGate(this.gateState(), this.#options.timers.now());
  }

  /** What the gate goes by, for threads that decide themselves. */
  gateState(): GateState {
    return {
      open: this.#phase === 'serving' || this.#phase === 'stopping',
      optOutSyncedAtMs: this.#machinery?.optOut.state.syncedAtMs,
      optOutStaleLimitMs: this.#options.config.optOut.staleLimitMs,
    };
  }

  status(): ReturnType<typeof operatorStatus> {
    return operatorStatus(this.state());
  }

  state(): OperatorState {
    const { config, timers } = this.#options;
    const stores = this.#machinery?.stores;
    const gate = this.gate();
    return {
      nowMs: timers.now(),
      startedAtMs: this.#startedAtMs,
      phase: this.#phase === 'serving' && gate !== undefined ? 'refusing' : this.#phase,
      reason: this.#phase === 'serving' ? gate?.reason : this.#waitingFor(),
      version: versionOf(config),
      environment: config.launch?.environment,
      platform: config.platform,
      operatorType: config.operatorType,
      instanceId: this.#instanceId,
      hostData: this.#evidence.hostData?.(),
      session: this.#machinery?.session.state,
      countdowns: this.#rules.countdowns(),
      stores: stores?.states() ?? [],
      entryCounts: stores === undefined ? {} : entryCounts(stores),
      salts: stores?.salts.peek() ?? [],
      optOut: this.#machinery?.optOut.state,
      optOutStaleLimitMs: config.optOut.staleLimitMs,
    };
  }

  async #startUp(): Promise<void> {
    const { config, timers, logger } = this.#options;
    const { signal } = this.#abort;
    logger.info({ platform: config.platform, attestUrl: config.attestUrl, instanceId: this.#instanceId }, 'starting');
    // They take a while, on another thread; so does what comes before they are needed.
    const firstKeys = generateAttestationKeys();
    firstKeys.catch(() => undefined); // the attempt that uses them fails
    const key = await obtainOperatorKey(config.operatorKey, signal, this.#options.fetchSecret);
    signal.throwIfAborted();
    await this.#checkLaunch(key);
    if (config.platform === 'azure-cc') await waitForSidecar(config.sidecarUrl, timers, signal);
    signal.throwIfAborted();

    const { stores, optOut, session, writer } = this.#build(key, firstKeys);
    this.#phase = 'attesting';
    await this.#probe(stores);
    signal.throwIfAborted();
    logger.info({ expiresAt: session.state.expiresAtMs, hostData: this.#evidence.hostData?.() }, 'attested by Core');

    this.#phase = 'loading';
    optOut.start();
    const context = this.#context({ stores, optOut, session, writer });
    this.#options.prepare?.(context);
    await this.#untilStopped(Promise.all([stores.load(), optOut.synced()]));
    this.#rules.start();
    this.#httpReason = 'still starting';
    const url = await this.#options.listen(context, worldSource(stores, optOut));
    signal.throwIfAborted();
    this.#httpReason = undefined;
    this.#phase = 'serving';
    this.#options.onChange?.();
    const startupMs = timers.now() - this.#startedAtMs;
    this.#metrics.onReady(startupMs);
    logger.info({ url }, `Startup in ${startupMs} ms`);
  }

  async #checkLaunch(key: Secret): Promise<void> {
    const { launch } = this.#options.config;
    if (launch === undefined || launch.skipValidations) return;
    checkOperatorKey(key.reveal(), launch);
    await checkCoreReachable(launch.coreUrl);
  }

  #build(operatorKey: Secret, firstKeys: Promise<AttestationKeys>): Machinery {
    const { config, timers, logger } = this.#options;
    const session = new CoreSession({
      attestUrl: config.attestUrl,
      operatorKey,
      evidence: this.#evidence,
      application: { name: 'uid2-operator', version: versionOf(config), components: { holdfast: VERSION } },
      operatorType: config.operatorType,
      instanceId: this.#instanceId,
      encryptedFiles: config.encryptedFiles,
      timers,
      firstKeys,
      onAttestOutcome: (outcome) => this.#onAttestOutcome(outcome),
      onRenewalFailure: (error) => logger.error(problem(error), 'Re-attest failed'),
    });
    const stores = new StoreSet({
      config,
      session,
      timers,
      onRefresh: (event) => this.#onRefresh(event),
      onDecryption: (event) => this.#metrics.onDecryption(event),
    });
    const onSync = (event: OptOutSyncEvent): void => this.#onOptOutSync(event);
    const optOut = new OptOutSync({ config: config.optOut, session, timers, onSync });
    const { writeUri: uri } = config.optOut;
    const writer = new HttpOptOutWriter({ session, uri, operatorKey, instanceId: this.#instanceId });
    this.#machinery = { session, stores, optOut, writer };
    return this.#machinery;
  }

  async #probe(stores: StoreSet): Promise<void> {
    try {
      await stores.probe();
    } catch (cause) {
      const action = cause instanceof DependencyError ? cause.action : undefined;
      throw new DependencyError(
        'STARTUP_METADATA_FAILED',
        `Error: cannot use Core at start-up: ${errorMessage(cause)}`,
        {
          retryable: true,
          cause,
          action:
            action ?? 'Check that Core runs and can be reached; the operator is to be restarted by its supervisor.',
        },
      );
    }
  }

  /** Waits for `work`, or rejects as soon as the operator is stopped: `work` may never end. */
  async #untilStopped(work: Promise<unknown>): Promise<void> {
    const { signal } = this.#abort;
    const stopped = Promise.withResolvers<never>();
    const onAbort = (): void => stopped.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([work, stopped.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #context({ stores, optOut, writer }: Machinery): OperatorContext {
    const { config, timers, random, metrics, logger } = this.#options;
    return {
      settings: config.settings,
      stores: {
        runtimeConfig: () => stores.runtimeConfig(),
        clients: () => stores.clients.current(),
        keysets: () => stores.keysetSnapshot(),
        salts: () => stores.salts.current(),
        optOuts: () => optOut.index(),
        site: (siteId) => stores.sites?.current().get(siteId),
        clientSideKeypair: (id) => stores.clientSideKeypairs?.current().get(id),
        service: (serviceId) => stores.services?.current().get(serviceId),
        serviceLink: (serviceId, linkId) => stores.serviceLinks?.current().get(serviceLinkKey(serviceId, linkId)),
      },
      clock: timers.now,
      random,
      optOutWriter: writer,
      gate: () => this.gate(),
      health: () => this.health(),
      status: () => this.status(),
      onSaltSelection: (expired) => this.#rules.onSaltSelection(expired),
      metrics,
      logger,
    };
  }

  #onAttestOutcome(outcome: AttestOutcome): void {
    const { logger } = this.#options;
    if (outcome.result === 'success') logger.debug('attested');
    else logger.error({ ...outcome }, 'attestation did not succeed');
    this.#rules.onAttestOutcome(outcome);
  }

  #onRefresh(event: RefreshEvent): void {
    const { logger, config } = this.#options;
    this.#metrics.onRefresh(event);
    if (event.result === 'refreshed' && event.changed) this.#options.onChange?.();
    const { store, durationMs } = event;
    if (event.result === 'refreshed') {
      if (event.changed && store !== 'cloud_encryption_keys') logger.info({ store, durationMs }, 'store loaded');
      return;
    }
    const again = event.first ? `Failed ${store} loading. Trying again in ${intervalOf(config, store)} ms` : undefined;
    logger.error({ store, durationMs, ...problem(event.error) }, again ?? `Failed to load ${store}, ${durationMs} ms`);
  }

  #onOptOutSync(event: OptOutSyncEvent): void {
    const { logger } = this.#options;
    this.#metrics.onOptOutSync(event);
    if (event.result === 'synced') this.#options.onChange?.();
    if (event.result === 'failed') {
      const effect = event.first ? 'the operator stays not ready' : 'the last complete list stays in use';
      logger.error(problem(event.error), `opt-out sync failed; ${effect}`);
    } else if (event.added > 0) {
      logger.info({ added: event.added, files: event.files, records: event.records }, 'opt-outs synced');
    }
  }

  #components(): readonly string[] {
    const stores = this.#machinery?.stores.states() ?? [];
    return ['PodTerminationMonitor', 'http-server', 'cloudsync-optout', ...stores.map(({ name }) => `${name}-rotator`)];
  }

  /** What start-up waits for, in a sentence. */
  #waitingFor(): string {
    if (this.#phase === 'stopping') return 'the operator is stopping';
    const missing = this.health().filter(({ component }) => component !== 'http-server');
    const list = missing.map(({ component, reason }) => `${component}: ${reason ?? 'null'}`).join('; ');
    return list === '' ? NOT_READY : `${NOT_READY}; waiting for ${list}`;
  }

  #staleReason(): string {
    const { config, timers } = this.#options;
    const syncedAtMs = this.#machinery?.optOut.state.syncedAtMs ?? this.#startedAtMs;
    return staleReason(syncedAtMs, config.optOut.staleLimitMs, timers.now());
  }

  #fail(error: unknown): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(error);
    this.#rules.stop();
    this.#options.fail(error);
  }
}

function instanceIdPrefix(config: OperatorConfig, nowMs: number): string {
  if (config.instanceIdPrefix !== undefined) return config.instanceIdPrefix;
  if (config.launch === undefined) return 'local-operator';
  const time = new Date(nowMs).toISOString().slice(11, 19);
  return `azr-${createHash('sha256').update(time).digest('hex').slice(0, 6)}-${config.version}`;
}

function versionOf(config: OperatorConfig): string {
  return config.version === 'unknown' ? VERSION : config.version;
}

function intervalOf(config: OperatorConfig, store: string): number {
  const intervals: Readonly<Record<string, number>> = {
    auth: config.intervalsMs.clients,
    keyset: config.intervalsMs.keysets,
    keysetkey: config.intervalsMs.keysetKeys,
    salt: config.intervalsMs.salts,
    cloud_encryption_keys: config.intervalsMs.cloudEncryptionKeys,
    runtime_config: config.intervalsMs.runtimeConfig,
    site: config.intervalsMs.sites,
    client_side_keypairs: config.intervalsMs.clientSideKeypairs,
    service: config.intervalsMs.services,
    service_link: config.intervalsMs.serviceLinks,
  };
  return intervals[store] ?? 0;
}

function entryCounts(stores: StoreSet): Record<string, number> {
  const counts: Record<string, number | undefined> = {
    auth: stores.clients.peek()?.size,
    keyset: stores.keysets.peek()?.length,
    keysetkey: stores.keysetKeys.peek()?.length,
    salt: stores.salts.peek()?.reduce((sum, { table }) => sum + table.size, 0),
    cloud_encryption_keys: stores.cloudKeys?.peek()?.size,
    site: stores.sites?.peek()?.size,
    client_side_keypairs: stores.clientSideKeypairs?.peek()?.size,
    service: stores.services?.peek()?.size,
    service_link: stores.serviceLinks?.peek()?.size,
  };
  return Object.fromEntries(
    Object.entries(counts).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}

/** Fields of an error for a log line: never its whole object, whose cause may hold what it was made from. */
function problem(error: unknown): Record<string, unknown> {
  const { code, action } = error as { code?: unknown; action?: unknown };
  return { reason: errorMessage(error), code, action };
}
