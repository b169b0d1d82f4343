import type { Mutation } from '@holdfast/admission';

import type { MutationName } from './config.ts';
import type { Events } from './events.ts';

/** What the webhook's routes need. */
export interface WebhookContext {
  readonly mutations: ReadonlyMap<MutationName, Mutation>;
  readonly events: Events;
  /** Milliseconds; for durations only. */
  readonly monotonic: () => number;
  readonly tls: { readonly key: string; readonly cert: string; readonly minVersion: 'TLSv1.2' | 'TLSv1.3' } | undefined;
}
