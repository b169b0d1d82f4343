import type { NmiEvents } from './events.ts';
import type { NmiServer } from './nmi/server.ts';

/** What the listener of the node's server needs. */
export interface NmiContext {
  readonly server: NmiServer;
  readonly events: Pick<NmiEvents, 'failed'>;
  /** Errors as JSON instead of plain text. */
  readonly jsonErrors: boolean;
  readonly maxWaitingPerPod: number;
}
