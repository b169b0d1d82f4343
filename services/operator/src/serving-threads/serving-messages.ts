import { DependencyError, errorMessage, PlatformError } from '@holdfast/base';
import type { ErrorDetails } from '@holdfast/base';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';

import type { OperatorSettings, OptOutWrite } from '../context.ts';
import type { GateState } from '../lifecycle/service-gate.ts';
import type { Usage } from '../usage-statistics.ts';
import type { WorldParts } from './world-parts.ts';

/** What a serving thread is started with. */
export interface ServingThreadData {
  /** Which of the serving threads it is, from 0. */
  readonly index: number;
  readonly settings: OperatorSettings;
  /** How many connections each serving thread has. */
  readonly connections: Int32Array;
}

/** To a serving thread. */
export type MessageToThread =
  /** New parts of the world; all later requests see them. */
  | { readonly kind: 'world'; readonly parts: Partial<WorldParts> }
  | { readonly kind: 'gate'; readonly state: GateState }
  /** Open the listener. */
  | { readonly kind: 'listen'; readonly host: string; readonly port: number }
  | { readonly kind: 'metrics'; readonly id: number }
  /** Finish what is under way, then end. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'answer'; readonly id: number; readonly outcome: Outcome };

/** From a serving thread. */
export type MessageFromThread =
  | { readonly kind: 'listening'; readonly url: string }
  | { readonly kind: 'not-listening'; readonly error: PlainError }
  | { readonly kind: 'question'; readonly id: number; readonly about: 'health' | 'status' }
  | { readonly kind: 'opt-out'; readonly id: number; readonly write: OptOutWrite }
  | { readonly kind: 'metrics'; readonly id: number; readonly metrics: readonly PlainMetric[] }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly fields: object | undefined; readonly message: string }
  | { readonly kind: 'usage'; readonly usages: readonly CountedUsage[] }
  /** Whether the salts that a request selected have expired. */
  | { readonly kind: 'salts'; readonly expired: boolean }
  | { readonly kind: 'stopped' };

export type LogLevel = 'info' | 'warn' | 'error';

export type PlainMetric = MetricObjectWithValues<MetricValue<string>>;

export interface CountedUsage {
  readonly usage: Usage;
  readonly count: number;
}

export type Outcome = { readonly value: unknown } | { readonly error: PlainError };

/** An error as it crosses between threads. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly action: string | undefined;
  readonly details: ErrorDetails | undefined;
  readonly retryable: boolean;
}

export function plainError(error: unknown): PlainError {
  const known = error instanceof PlatformError ? error : undefined;
  return {
    code: known?.code ?? 'INTERNAL',
    message: errorMessage(error),
    action: known?.action,
    details: known?.details,
    retryable: error instanceof DependencyError && error.retryable,
  };
}

/** The error again: what crosses between threads are failures of something outside, a port or the Opt-Out service. */
export function errorOf({ code, message, action, details, retryable }: PlainError): DependencyError {
  return new DependencyError(code, message, {
    retryable,
    ...(action === undefined ? {} : { action }),
    ...(details === undefined ? {} : { details }),
  });
}
