import type { Clock, RandomBytes } from '@holdfast/base';
import type {
  AuthorizableStore,
  ClientRecord,
  ClientSideKeypair,
  IdentityScope,
  KeysetSnapshot,
  OptOutIndex,
  RuntimeConfiguration,
  SaltSnapshot,
  ServiceLinkRecord,
  ServiceRecord,
  SiteRecord,
} from '@holdfast/uid2';
import type { Registry } from 'prom-client';

import type { Usage } from './usage-statistics.ts';

/** What the configuration decides about the API. Plain values, fixed for the life of the process. */
export interface OperatorSettings {
  readonly identityScope: IdentityScope;
  /** Whether buckets with a salt give 33-byte (version 3) raw UIDs. */
  readonly identityV3: boolean;
  readonly phoneSupport: boolean;
  /** Threads that map large requests; 0 maps everything on the event loop's own. */
  readonly mapWorkers: number;
  readonly optOutStatusApiEnabled: boolean;
  /** Most raw UIDs one opt-out status request may name. */
  readonly optOutStatusMaxRequestSize: number;
  /** Reported to SDKs by the key endpoints. */
  readonly allowClockSkewSeconds: number;
  /** False serves plain JSON instead of envelopes, for local development. */
  readonly envelopes: boolean;
  /** The vendor whose consent counts, in the IAB's global list. */
  readonly tcfVendorId: number;
  /** Undefined while client-side token generation is off: no route, and no `site_data` for SDKs. */
  readonly clientSide: ClientSideSettings | undefined;
  /** Whether services must name a valid link; without it no service can map. */
  readonly serviceLinks: boolean;
  readonly usageLimits: UsageLimits;
}

export interface ClientSideSettings {
  /** Whether origins and app names must be the publisher's own. */
  readonly domainCheck: boolean;
  /** Whether refused origins and app names are gathered for the log. */
  readonly logInvalidOrigins: boolean;
  /** Whether SDKs get app names among the domain names. */
  readonly shareAppNames: boolean;
}

/** How much the usage statistics keep. */
export interface UsageLimits {
  /** Paths nobody serves, per log interval. */
  readonly unknownPaths: number;
  /** Client versions per site. */
  readonly versionsPerSite: number;
}

/**
 * What the API reads. Each call answers the current immutable snapshot; a handler calls each at most once per request, so
 * that one request sees one state of the world. They are called only while `gate()` is undefined.
 */
export interface OperatorStores {
  runtimeConfig(): RuntimeConfiguration;
  clients(): AuthorizableStore<ClientRecord>;
  keysets(): KeysetSnapshot;
  /** All listed snapshots, in file order; the API selects one per request. Never empty. */
  salts(): readonly SaltSnapshot[];
  optOuts(): OptOutIndex;
  /** Undefined for unknown sites, and for all where no sites are loaded: private operators may not read them. */
  site(siteId: number): SiteRecord | undefined;
  clientSideKeypair(subscriptionId: string): ClientSideKeypair | undefined;
  service(serviceId: number): ServiceRecord | undefined;
  serviceLink(serviceId: number, linkId: string): ServiceLinkRecord | undefined;
}

/** One opt-out on its way to the Opt-Out service. */
export interface OptOutWrite {
  /** First-level hash, 32 bytes. */
  readonly flh: Uint8Array;
  /** Raw UID, 32 or 33 bytes. */
  readonly rawUid: Uint8Array;
  /** Raw text from the caller's payload, forwarded as sent. */
  readonly email?: string;
  readonly phone?: string;
  readonly clientIp?: string;
  /** The caller's `UID-Trace-Id`. */
  readonly traceId?: string;
}

export interface OptOutWriter {
  /**
   * Resolves when the service has taken the opt-out.
   * @throws DependencyError when it did not; nothing is retried
   */
  write(optOut: OptOutWrite): Promise<void>;
}

/** A component that is not healthy; `reason` null prints as `null`. */
export interface UnhealthyComponent {
  readonly component: string;
  readonly reason: string | null;
}

/** The JSON body of `GET /ops/status`; its members belong to the lifecycle. */
export type OperatorStatus = Readonly<Record<string, unknown>>;

/** Why the API refuses to answer although the process runs. */
export interface ServiceGate {
  readonly reason: string;
}

/** Where the API writes its log lines: a line of text, or fields and a text. */
export interface OperatorLogger {
  info(message: string): void;
  info(fields: object, message: string): void;
  warn(message: string): void;
  warn(fields: object, message: string): void;
  error(message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Everything the HTTP half of the operator needs, and the whole interface between it and the lifecycle half. `main.ts`
 * builds it; tests build it from a small world in memory.
 */
export interface OperatorContext {
  readonly settings: OperatorSettings;
  readonly stores: OperatorStores;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly optOutWriter: OptOutWriter;
  /** Set while the API must not serve (stores not loaded yet, opt-out list older than its limit): requests get 503. */
  gate(): ServiceGate | undefined;
  /** The components that are unhealthy now, empty when all is well: `GET /ops/healthcheck`. */
  health(): readonly UnhealthyComponent[] | Promise<readonly UnhealthyComponent[]>;
  status(): OperatorStatus | Promise<OperatorStatus>;
  /** Called after each salt selection: whether the chosen snapshot has expired. */
  onSaltSelection(expired: boolean): void;
  /** Takes what the usage statistics want to know of each request; when missing, the API keeps them itself. */
  readonly onUsage?: (usage: Usage) => void;
  /** Version text of the `app_status` gauge is set by the lifecycle; the API adds its own metrics here. */
  readonly metrics: Registry;
  readonly logger: OperatorLogger;
}
