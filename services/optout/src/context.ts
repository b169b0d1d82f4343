import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

import { ConfigError, errorMessage, PlatformError } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';
import { createPodTerminationMonitor } from '@holdfast/process';
import type { Logger } from '@holdfast/process';
import { openObjectStore } from '@holdfast/storage';
import type { ObjectStore } from '@holdfast/storage';
import { AuthorizableStore, deriveAttestationTokenKey, parseJwtPublicKeys } from '@holdfast/uid2';
import type { OperatorRecord, PartnerRecord } from '@holdfast/uid2';
import type { Registry } from 'prom-client';

import type { OptOutConfig } from './config.ts';
import { createEvents } from './events.ts';
import type { OptOutEvents } from './events.ts';
import { DeltaProduction } from './delta-production.ts';
import { OptOutLog } from './opt-out-log.ts';
import { OptOutQueue } from './opt-out-queue.ts';
import { PartitionProduction } from './partition-production.ts';
import { PartnerForwarding } from './partner-forwarding.ts';
import { TrafficControl } from './traffic-control.ts';

export interface OptOutContext {
  readonly config: OptOutConfig;
  readonly clock: Clock;
  readonly objects: ObjectStore;
  readonly queue: OptOutQueue;
  readonly log: OptOutLog;
  readonly traffic: TrafficControl;
  readonly deltas: DeltaProduction;
  readonly partitions: PartitionProduction;
  /** Undefined where this instance tells nobody. */
  readonly forwarding: PartnerForwarding | undefined;
  /** Partners in use, and the way to use others. */
  readonly partners: () => readonly PartnerRecord[];
  readonly usePartners: (records: readonly PartnerRecord[]) => void;
  readonly operators: AuthorizableStore<OperatorRecord>;
  /** False until operators were loaded once. */
  readonly operatorsLoaded: () => boolean;
  /** Takes a new list of operators into use. */
  readonly useOperators: (records: readonly OperatorRecord[]) => void;
  /** Whether the pod is about to stop. */
  readonly isTerminating: () => Promise<boolean>;
  readonly attestationTokenKey: KeyObject;
  readonly jwtPublicKeys: readonly KeyObject[];
  readonly events: OptOutEvents;
}

export interface OptOutDependencies {
  readonly config: OptOutConfig;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Calls partners. */
  readonly http: Pick<HttpClient, 'send'>;
}

/**
 * Wires everything the opt-out service needs and opens its queue. Operators are not loaded yet.
 * @throws ConfigError LINK_KEY_UNUSABLE, OPTOUT_JWT_KEY_UNUSABLE
 * @throws DependencyError OPTOUT_QUEUE_UNUSABLE
 */
export async function createContext(dependencies: OptOutDependencies): Promise<OptOutContext> {
  const { config, clock, randomBytes } = dependencies;
  const events = createEvents(dependencies.logger, dependencies.metrics);
  const objects = openObjectStore(config, { linkBaseUrl: config.link_base_url ?? config.optout_url, clock });
  const jwtPublicKeys = [
    ...parseJwtPublicKeys(config.aws_kms_jwt_signing_public_keys, (position) => events.publicKeyUnreadable(position)),
    ...config.jwt_public_key_files.map(readPublicKey),
  ];
  const queue = await OptOutQueue.open(config.optout_data_dir);
  const replicaId = config.optout_producer_replica_id;
  const log = new OptOutLog({
    objects,
    folder: config.optout_s3_folder,
    replicaId,
    rotateIntervalSeconds: config.optout_delta_rotate_interval,
    clock,
    randomBytes,
  });
  const traffic = new TrafficControl({
    objects,
    log,
    filterFile: config.traffic_filter_config_path,
    limitFile: config.traffic_calc_config_path,
    overridePath: config.manual_override_s3_path,
    clock,
    onOverrideUnreadable: (error) => events.overrideUnreadable(error),
  });
  const deltas = new DeltaProduction({
    queue,
    log,
    traffic,
    objects,
    replicaId,
    windowSeconds: config.optout_sqs_delta_window_seconds,
    maxRecordsPerFile: config.optout_max_messages_per_file,
    jobTimeoutSeconds: config.optout_delta_job_timeout_seconds,
    clock,
    randomBytes,
  });
  const partitions = new PartitionProduction({
    log,
    objects,
    replicaId,
    replicas: config.optout_producer_max_replicas,
    maxAgeMs: config.optout_delete_expired
      ? config.optout_partition_interval * config.optout_max_partitions * 1000
      : undefined,
    clock,
  });
  const sends =
    config.partners_metadata_path !== undefined &&
    config.optout_sender_replica_id === replicaId &&
    !config.optout_observe_only;
  const forwarding = sends
    ? new PartnerForwarding({
        log,
        objects,
        http: dependencies.http,
        folder: log.folder,
        rotateIntervalSeconds: config.optout_delta_rotate_interval,
        replicas: config.optout_producer_max_replicas,
        backtrackInDays: config.optout_delta_backtrack_in_days,
        clock,
        pause: (milliseconds, signal) => pause(milliseconds, undefined, { signal }),
        onForwarded: (partner, optOuts) => events.partnerTold(partner, optOuts),
        onFailed: (partner, error) => events.partnerFailed(partner, error),
      })
    : undefined;
  let partnerRecords: readonly PartnerRecord[] = [];
  const operators = new AuthorizableStore<OperatorRecord>();
  let loaded = false;
  return {
    config,
    clock,
    objects,
    queue,
    log,
    traffic,
    deltas,
    partitions,
    forwarding,
    partners: () => partnerRecords,
    usePartners(records) {
      partnerRecords = records;
      events.partnersLoaded(records.length);
    },
    operators,
    operatorsLoaded: () => loaded,
    useOperators(records) {
      operators.replace(records);
      loaded = true;
      events.operatorsLoaded(records.length);
    },
    isTerminating: createPodTerminationMonitor({ clock, intervalMs: config.pod_termination_check_interval }),
    attestationTokenKey: deriveAttestationTokenKey(
      config.att_token_enc_key.reveal(),
      config.att_token_enc_salt.reveal(),
    ),
    jwtPublicKeys,
    events,
  };
}

function readPublicKey(file: string): KeyObject {
  try {
    const key = createPublicKey(readFileSync(file, 'utf8'));
    if (key.asymmetricKeyType !== 'rsa') throw unusableKey(`${file} does not hold an RSA key`);
    return key;
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw unusableKey(`cannot read the public key ${file}: ${errorMessage(cause)}`, cause);
  }
}

function unusableKey(problem: string, cause?: unknown): ConfigError {
  return new ConfigError('OPTOUT_JWT_KEY_UNUSABLE', [problem], {
    ...(cause === undefined ? {} : { cause }),
    action: 'Write the RSA public key of Core in PEM (SPKI) to the named file.',
  });
}
