import type { Attester } from './attester.ts';
import type { Events } from './events.ts';
import type { EndpointRules } from './endpoint.ts';
import type { ReleaseKey } from './key-release/key-releaser.ts';
import type { MaaEndpointRules } from './maa-endpoint.ts';

export interface SkrContext {
  readonly attester: Attester;
  readonly releaseKey: ReleaseKey;
  readonly maaEndpointRules: MaaEndpointRules;
  /** Where a bearer token for a vault may be sent. */
  readonly vaultEndpointRules: EndpointRules;
  readonly events: Events;
  /** Whether the certificates of the host are there. */
  readonly ready: () => boolean;
}
