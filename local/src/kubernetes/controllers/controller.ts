import type { ClusterEvent } from '../api/cluster-store.ts';
import type { KindName } from './cluster.ts';

/** One control loop: which objects a change concerns, and how each is brought to what it asks for. */
export interface Controller {
  readonly name: string;
  /** Kinds whose changes it hears of. */
  readonly watches: readonly KindName[];
  /** Names of what must be looked at because of a change. */
  keys(event: ClusterEvent): readonly string[];
  /** Answers after how many milliseconds it wants to look again, whatever happens. */
  reconcile(key: string): Promise<number | undefined>;
  /** Gives up what it holds outside of the store. */
  close?(): Promise<void>;
}
