import type { Attester } from './attester.ts';
import type { Events } from './events.ts';
import type { MaaEndpointRules } from './maa-endpoint.ts';

export interface SkrContext {
  readonly attester: Attester;
  readonly maaEndpointRules: MaaEndpointRules;
  readonly events: Events;
  /** Whether the certificates of the host are there. */
  readonly ready: () => boolean;
}
