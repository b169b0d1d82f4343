import type { Clock, RandomBytes } from '@holdfast/base';
import { fromBase64, RequestError, Secret } from '@holdfast/base';
import { prepareSecret } from '@holdfast/uid2';
import type { DiiKind } from '@holdfast/uid2';

import { health } from './scenarios/health.ts';
import { identityMap } from './scenarios/identity-map.ts';
import type { Caller } from './scenarios/enveloped.ts';
import type { Scenario, ScenarioName } from './scenarios/scenario.ts';
import { tokenGenerate } from './scenarios/token-generate.ts';
import { TokenRefreshScenario } from './scenarios/token-refresh.ts';

export interface Credentials {
  readonly apiKey: Secret;
  /** 32 bytes in Base64. */
  readonly clientSecret: Secret;
}

/** An operator, and as whom to call it. */
export interface Target {
  readonly url: string;
  /** Not needed for the health check. */
  readonly credentials: Credentials | undefined;
  /** The server's process on this machine, when its processor time and memory are to be measured. */
  readonly serverPid?: number;
}

/** What a load is made of, apart from whom it goes to. */
export interface LoadSettings {
  readonly scenario: ScenarioName;
  readonly kind: DiiKind;
  /** Identities per request of the map scenarios. */
  readonly batch: number;
  readonly binary: boolean;
  readonly connections: number;
  readonly processes: number;
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly timeoutMs: number;
  /** Requests per second over all connections; undefined sends the next request as soon as a reply is there. */
  readonly ratePerSecond: number | undefined;
}

export interface LoadPlan extends LoadSettings {
  readonly target: Target;
}

/** What one process measured. Can be sent between processes. */
export interface LoadResult {
  /** Good replies inside the window. */
  readonly requests: number;
  readonly entriesPerRequest: number;
  /** Other outcomes inside the window: by HTTP status, or `timeout`, `connection`, `short-reply`, `invalid-reply`. */
  readonly errors: Readonly<Record<string, number>>;
  readonly latencies: { readonly counts: Float64Array; readonly maxMicroseconds: number };
  /** Share of one core that this process used during the window, in percent. */
  readonly cpuPercent: number;
}

/** A load that is ready to run, here or in another process. */
export interface Load {
  /** Seals bodies, opens all connections and verifies the first reply of each. Answers how many it verified. */
  prepare(): Promise<number>;
  /** Runs warm-up and window. */
  measure(): Promise<LoadResult>;
  /** Drops everything, at any time. */
  stop(): Promise<void>;
}

/**
 * The work of a plan, with its request bodies sealed.
 * @throws RequestError BENCH_USAGE_INVALID when it needs credentials and has none
 */
export function createScenario(plan: LoadPlan, clock: Clock, random: RandomBytes): Scenario {
  const pathPrefix = new URL(plan.target.url).pathname.replace(/\/+$/, '');
  if (plan.scenario === 'health') return health(pathPrefix);
  const { credentials } = plan.target;
  if (credentials === undefined) throw new RequestError('BENCH_USAGE_INVALID', `${plan.scenario} needs an API key`);
  const caller: Caller = {
    apiKey: credentials.apiKey,
    secret: prepareSecret(fromBase64(credentials.clientSecret.reveal())),
    binary: plan.binary,
    pathPrefix,
    clock,
    random,
  };
  switch (plan.scenario) {
    case 'token-generate':
      return tokenGenerate(caller, plan.kind);
    case 'token-refresh':
      return new TokenRefreshScenario(caller, plan.kind);
    case 'identity-map':
      return identityMap(caller, plan.kind, plan.batch, 3);
    case 'identity-map-v2':
      return identityMap(caller, plan.kind, plan.batch, 2);
    default:
      return plan.scenario satisfies never;
  }
}

/** A plan as plain data: secrets in the open, so only for the pipe between a process and its own child. */
export interface PlanMessage extends Omit<LoadPlan, 'target'> {
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly clientSecret: string | undefined;
}

export function toMessage({ target, ...settings }: LoadPlan): PlanMessage {
  const { url, credentials } = target;
  return {
    ...settings,
    url,
    apiKey: credentials?.apiKey.reveal(),
    clientSecret: credentials?.clientSecret.reveal(),
  };
}

export function fromMessage({ url, apiKey, clientSecret, ...settings }: PlanMessage): LoadPlan {
  const credentials =
    apiKey === undefined || clientSecret === undefined
      ? undefined
      : { apiKey: new Secret(apiKey), clientSecret: new Secret(clientSecret) };
  return { ...settings, target: { url, credentials } };
}
